"""The arguments of an experiment, checked."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

from retix.errors import ConfigError
from retix.evaluator import Evaluator
from retix.experiment.config import RetiariiExeConfig
from retix.mutation import Mutator
from retix.store import OptimizeMode
from retix.strategy import BaseStrategy, Strategy


def check_evaluator(evaluator: Any) -> Evaluator:
    """``evaluator``, if it is one that can evaluate.

    Raises:
        ConfigError: It is none.
        EvaluationError: Something is missing in it, such as the data.
    """
    if isinstance(evaluator, Evaluator):
        evaluator.check()
        return evaluator
    raise ConfigError(
        "the experiment has no evaluator" if evaluator is None else f"the evaluator is {_describe(evaluator)}",
        fix="pass an Evaluator: pl.Classification(...), pl.Lightning(...), or FunctionalEvaluator(function)",
    )


def check_mutators(mutators: Sequence[Mutator]) -> tuple[Mutator, ...]:
    """``mutators``, if they are mutators, and no label was given twice.

    Raises:
        ConfigError: They are not.
    """
    for mutator in mutators:
        if not isinstance(mutator, Mutator):
            raise ConfigError(
                f"{_describe(mutator)} is among the applied mutators",
                fix="pass instances of subclasses of retix.Mutator",
            )
    # Those that go by the name of their class are numbered by the space.
    labels = [mutator.label for mutator in mutators if not mutator.has_default_label]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"two mutators have the label {twice!r}",
            why="their choices would be one and the same",
            fix="give each its own: MyMutator(label=...)",
        )
    return tuple(mutators)


def check_strategy(strategy: Any) -> Strategy | BaseStrategy:
    """``strategy``, if it is one.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(strategy, (Strategy, BaseStrategy)):
        return strategy
    raise ConfigError(
        f"the strategy is {_describe(strategy)}",
        fix="pass an instance of a strategy, such as retix.strategy.Random()",
    )


def choose_mode(config: RetiariiExeConfig, strategy: Strategy | BaseStrategy, evaluator: Evaluator) -> OptimizeMode:
    """What the settings, the strategy or the evaluator say, or ``maximize``.

    Raises:
        ConfigError: They say different things.
    """
    aims = {objective.name: objective.mode for objective in config.objectives}
    said: dict[str, OptimizeMode | None] = {
        "the config": config.optimize_mode,
        "config.objectives": aims.get("default"),
        type(strategy).__name__: getattr(strategy, "optimize_mode", None),
        type(evaluator).__name__: evaluator.optimize_mode,
    }
    modes = {who: mode for who, mode in said.items() if mode is not None}
    if len(set(modes.values())) > 1:
        raise ConfigError(
            "the search would go the wrong way: " + ", ".join(f"{who} says {mode!r}" for who, mode in modes.items()),
            fix="let all say the same, such as RegularizedEvolution(optimize_mode='minimize') for Regression",
        )
    return next(iter(modes.values()), "maximize")


def _describe(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance of it"
    return f"the {type(value).__name__} {getattr(value, '__name__', None) or reprlib.repr(value)}"
