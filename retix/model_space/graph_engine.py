"""Models made by rewriting a captured graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from retix.codegen import Generator, Source
from retix.converter import add_sources
from retix.ir import Model
from retix.model_space.capture import capture
from retix.model_space.engine import Engine
from retix.model_space.origin import Origin
from retix.model_space.settle import settle, settle_constraints
from retix.model_space.variant import Variants
from retix.mutation import MutationSpace, Mutator, SpaceDecision
from retix.space import Choice, Constraint, Expression, Sample


class GraphEngine(Engine):
    """Captures the base model, applies the choices and the mutators to its graph, and writes each graph as source.

    Args:
        origin: The base model.
        mutators: Applied behind the choices in the model.
        example_inputs: What the model is captured with; None to script it.
        extras: Further values that hold choices, by the path that uses them.
        constraints: What every sample has to keep.
        base_model: The captured model, where it was captured before.

    Raises:
        ConversionError: The base model cannot be captured.
        SpaceError: Its choices contradict each other.
    """

    name = "graph"
    files: Mapping[str, bytes] = {}

    def __init__(
        self,
        origin: Origin,
        mutators: Sequence[Mutator],
        example_inputs: Any,
        extras: Mapping[str, Expression],
        constraints: tuple[Constraint, ...],
        base_model: Model | None = None,
    ) -> None:
        self.mutators = tuple(mutators)
        self.example_inputs = example_inputs
        self._origin = origin
        self._extras = extras
        self._constraints = constraints
        self._base_model = base_model
        self._generator = Generator()
        self.space: Variants[MutationSpace] = Variants(origin, self._open, bool(constraints))

    def __reduce__(self) -> tuple[Callable[..., GraphEngine], tuple[Any, ...]]:
        """Copies and pickles are made anew, of what makes an engine."""
        base = None if self.space.has_decisions else self.base_model
        arguments = self._origin, self.mutators, self.example_inputs, self._extras, self._constraints, base
        return GraphEngine, arguments

    def _open(self, module: torch.nn.Module | None, decided: Mapping[str, Choice]) -> MutationSpace | None:
        constraints = settle_constraints(self._constraints, decided)
        if constraints is None:
            return None
        base = self._base_model
        if base is None:
            assert module is not None, "without a module there is a graph"
            base = capture(module, self.example_inputs)
        return MutationSpace(
            base,
            self.mutators,
            constraints=constraints,
            extras=settle(dict(self._extras), decided),
        )

    @property
    def base_model(self) -> Model:
        """The captured base model; with construction-time decisions, that of their default answers."""
        return self.space.first.base_model

    def build(self, sample: Mapping[str, Any]) -> Model:
        model = self._build(sample)
        if self.mutators:
            add_sources(model)
        return model

    def _build(self, sample: Mapping[str, Any]) -> Model:
        if not self.space.has_decisions:
            return self.space.first.build(sample)
        decided = self.space.decided(sample)
        inner = self.space.space(sample)
        asked = {item.label for item in inner.decisions} if any(label in decided for label in sample) else set()
        return inner.build({k: v for k, v in sample.items() if k not in decided or k in asked})

    def write(self, sample: Mapping[str, Any]) -> Source:
        return self._generator.generate(self.build(sample))

    def digest(self, sample: Sample) -> str:
        return self.build(sample).digest()

    def with_extras(self, extras: Mapping[str, Expression]) -> GraphEngine:
        base = None if self.space.has_decisions else self.base_model
        return GraphEngine(self._origin, self.mutators, self.example_inputs, extras, self._constraints, base)

    def decisions(self) -> Iterable[SpaceDecision]:
        yield from self.space.construction_decisions()
        for space in self.space.spaces():
            yield from space.decisions
