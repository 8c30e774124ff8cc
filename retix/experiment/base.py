"""What an experiment searches, as the user gave it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import torch

from retix.errors import ConfigError
from retix.evaluator import Evaluator
from retix.experiment.arguments import check_evaluator
from retix.experiment.engine_config import ExecutionEngineConfig
from retix.measures import Measure
from retix.model_space import EngineName, ModelSpace
from retix.mutation import Mutator
from retix.space import Constraint


@dataclass(frozen=True, slots=True)
class Base:
    """The parts of a space that is not opened yet.

    Attributes:
        model: The base model, or a space that was opened by the user.
        evaluator: Trains and scores each model.
        mutators: Own mutators.
        example_inputs: What the model is captured with.
        constraints: What every model has to keep.
        measures: What else can be known of a model without training it.
    """

    model: Any
    evaluator: Evaluator
    mutators: tuple[Mutator, ...]
    example_inputs: Any
    constraints: tuple[Constraint, ...]
    measures: tuple[Measure, ...] = ()

    @property
    def name(self) -> str:
        """What the experiment is called if the user does not say."""
        if isinstance(self.model, ModelSpace):
            return self.model.name
        named = self.model if callable(self.model) and not isinstance(self.model, torch.nn.Module) else type(self.model)
        return str(getattr(named, "__name__", type(named).__name__))

    def open(self, engine: ExecutionEngineConfig) -> ModelSpace:
        """The space, with models made by ``engine``.

        Raises:
            ConfigError: The user's own space has another engine.
            ConversionError: The base model cannot be captured.
            SpaceError: Its choices contradict each other.
        """
        if not isinstance(self.model, ModelSpace):
            inputs = self.example_inputs
            if inputs is None and engine.dummy_input is not None:
                inputs = torch.rand(engine.dummy_input)
            name = cast(EngineName, engine.engine)
            return ModelSpace(
                self.model,
                self.mutators,
                inputs,
                self.evaluator,
                constraints=self.constraints,
                engine=name,
                measures=self.measures,
            )
        if engine.engine not in ("auto", self.model.engine):
            raise ConfigError(
                f"execution_engine is {str(engine)!r}, but the ModelSpace has the engine {self.model.engine!r}",
                why=self.model.reason,
                fix="make the ModelSpace with that engine, or leave execution_engine at 'auto'",
            )
        return self.model if self.model.evaluator is self.evaluator else self.model.with_evaluator(self.evaluator)

    def is_made_by(self, engine: ExecutionEngineConfig, space: ModelSpace) -> bool:
        """Whether ``engine`` would open the same space again."""
        needs_inputs = self.example_inputs is None and engine.dummy_input is not None
        return engine.engine in ("auto", space.engine) and not (needs_inputs and space.engine == "graph")


def read_base(
    model: Any,
    evaluator: Any,
    mutators: tuple[Mutator, ...],
    example_inputs: Any,
    constraints: Iterable[Constraint],
    measures: Iterable[Measure] = (),
) -> Base:
    """What the user gave, checked.

    Raises:
        ConfigError: Something is missing, or is said twice.
    """
    rules, known = tuple(constraints), tuple(measures)
    if model is None:
        raise ConfigError("the experiment has no base model", fix="give one: RetiariiExperiment(Net(), evaluator)")
    if isinstance(model, ModelSpace):
        for name, given in (("applied_mutators", mutators), ("constraints", rules), ("measures", known)):
            if given:
                raise ConfigError(f"both a ModelSpace and {name} are given", fix=f"give the {name} to the ModelSpace")
        if example_inputs is not None:
            raise ConfigError("both a ModelSpace and example_inputs are given", fix="give them to the ModelSpace")
        evaluator = evaluator if evaluator is not None else model.evaluator
    return Base(model, check_evaluator(evaluator), mutators, example_inputs, rules, known)
