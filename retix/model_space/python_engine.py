"""Models made by building the user's own classes with the choices made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import torch

from retix.codegen import Source
from retix.errors import ConfigError, SpaceError
from retix.model_space.condition import read_condition
from retix.model_space.engine import Engine
from retix.model_space.origin import Origin
from retix.model_space.script import ScriptWriter
from retix.model_space.settle import settle, settle_constraints
from retix.model_space.variant import Variants
from retix.mutation import SpaceDecision, answers
from retix.nn.pytorch import constraints_of, decisions_of, dependents_of
from retix.space import (
    Choice,
    Constraint,
    Decision,
    DecisionSpace,
    Expression,
    Sample,
    SearchSpace,
    find_expressions,
)


class PythonEngine(Engine):
    """Builds each model by its own class; no graph is captured, and anything that Python can do may be in forward.

    What is not seen without a graph: that an input which was not chosen makes other decisions pointless. So a space
    may have more samples here than by its graph, and equal networks are told apart by their samples.

    Args:
        origin: The base model.
        extras: Further values that hold choices, by the path that uses them.
        constraints: What every sample has to keep.
        reason: Why the graph is not used.

    Raises:
        RecipeError: The model can neither be imported in a worker nor sent to it.
        SpaceError: Choices contradict each other.
    """

    name = "py"
    mutators = ()

    def __init__(
        self,
        origin: Origin,
        extras: Mapping[str, Expression],
        constraints: tuple[Constraint, ...],
        reason: str,
    ) -> None:
        self._origin = origin
        self._extras = extras
        self._constraints = constraints
        self._reason = reason
        self._writer = ScriptWriter(origin)
        self.files = self._writer.files
        self.space: Variants[PythonSpace] = Variants(origin, self._open, bool(constraints))

    def __reduce__(self) -> tuple[Callable[..., PythonEngine], tuple[Any, ...]]:
        """Copies and pickles are made anew, of what makes an engine."""
        return PythonEngine, (self._origin, self._extras, self._constraints, self._reason)

    def _open(self, module: torch.nn.Module | None, decided: Mapping[str, Choice]) -> PythonSpace | None:
        assert module is not None, "without a module there is a graph"
        constraints = settle_constraints(self._constraints, decided)
        if constraints is None:
            return None
        extras = settle(dict(self._extras), decided)
        return PythonSpace(module, decided, extras, constraints)

    def build(self, sample: Mapping[str, Any]) -> NoReturn:
        raise ConfigError(
            "this space has no graphs: its models are built by Python",
            why=self._reason,
            fix="use space.python(sample) for the model and space.source(sample) for its source",
        )

    def write(self, sample: Mapping[str, Any]) -> Source:
        check_sample(self.space, sample)
        decided = self.space.decided(sample)
        labels = {*decided, *self.space.space(sample).labels}
        return self._writer.write({k: v for k, v in sample.items() if k in labels}, decided)

    def digest(self, sample: Sample) -> str:
        return hashlib.blake2b(sample.key.encode(), digest_size=16).hexdigest()

    def with_extras(self, extras: Mapping[str, Expression]) -> PythonEngine:
        return PythonEngine(self._origin, extras, self._constraints, self._reason)

    def decisions(self) -> Iterable[SpaceDecision]:
        yield from self.space.construction_decisions()
        for space in self.space.spaces():
            for decision in space.decisions:
                places = space.places.get(decision.label, ())
                yield SpaceDecision(decision, places, read_condition(decision.when))


class PythonSpace(DecisionSpace):
    """The decisions of a module, and those of values beside it.

    Args:
        module: The module, with choices in it.
        decided: What was decided while it was built.
        extras: Further values that hold choices, by the path that uses them.
        constraints: What every sample has to keep; those that modules hold are added.

    Attributes:
        labels: The labels of the module's own decisions.
        places: What uses each decision, by its label.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        decided: Mapping[str, Choice],
        extras: Mapping[str, Any],
        constraints: Iterable[Constraint],
    ) -> None:
        own = [decision for decision in decisions_of(module) if decision.label not in decided]
        beside = [(path, decision) for path, value in extras.items() for decision in _decisions_in(value)]
        super().__init__(
            [*own, *(decision for _, decision in beside)], constraints=[*constraints_of(module), *constraints]
        )
        self.labels = frozenset(decision.label for decision in own)
        places: dict[str, list[str]] = {}
        for label, place in [*dependents_of(module), *((decision.label, path) for path, decision in beside)]:
            if place not in places.setdefault(label, []):
                places[label].append(place)
        self.places = {label: tuple(found) for label, found in places.items()}


def check_sample(space: SearchSpace, sample: Mapping[str, Any]) -> None:
    """Make sure that a sample answers what its model asks, and nothing else.

    Raises:
        SpaceError: It does not.
    """
    asked = space.walk(answers(sample))
    unknown = sorted(set(sample) - set(asked))
    if unknown:
        raise SpaceError(
            f"the sample answers {', '.join(map(repr, unknown))}, which this model does not ask",
            why="the label does not exist, or belongs to a candidate that was not chosen",
            fix="leave it out",
        )


def _decisions_in(value: Any) -> Iterator[Decision]:
    """Yield what is decided beside a model; always alive, as nothing says otherwise."""
    for expression in find_expressions(value):
        for decision in expression.decisions():
            yield replace(decision, when=())
