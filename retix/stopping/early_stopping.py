"""The contract between a rule of early stopping and the search that follows it."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from retix.errors import ConfigError, RecipeError
from retix.objective import Objectives
from retix.recipe import import_name, importable_name
from retix.trial import Verdict


class EarlyStopping(ABC):
    """Decides, by intermediate results, which trials are worth going on with.

    The contract, which one test suite holds for every rule:

    - `aim` comes first. Then `report` is called for each intermediate result of each trial, `ended` once for each trial
      that has ended, and `promoted` whenever a trial that was paused goes on.
    - Steps count from 1 within a trial: after `report` with step n, the trial has reported n results. A trial that is
      run again from its beginning after a crash reports its first steps again; what was said of a step is replaced.
    - What a rule knows depends on what was reported, promoted and ended, not on the order of it: so a resumed search
      gives it the record, in any order, and goes on.
    - A rule never sleeps or measures time, draws no random numbers, and sees no model. Whether a higher or a lower
      metric is better, and whether several count, it takes from its objectives.

    A trial with the verdict ``STOP`` ends, as `TrialState.PRUNED`, with what it reported last. One with the verdict
    ``PAUSE`` gives its slot back and keeps its checkpoint; it goes on from there when `next_promotion` names it, and
    ends as PRUNED when the search does.

    A subclass implements `report`, and keeps each argument of its constructor as an attribute of the same name, from
    which `to_json` takes it.
    """

    def __init__(self) -> None:
        self.objectives = Objectives()

    def aim(self, objectives: Objectives) -> None:
        """Take what the search is after."""
        self.objectives = objectives

    @property
    def may_pause(self) -> bool:
        """Whether `report` ever says ``PAUSE``, so that trials have to keep checkpoints."""
        return False

    @abstractmethod
    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        """Take an intermediate result, and say how the trial goes on.

        Args:
            trial: The trial's id.
            step: How many results it has reported, this one included.
            metrics: The values by name; a value may be NaN or infinite.
        """

    def ended(self, trial: int) -> None:
        """Note that a trial has ended, for whatever reason; it reports nothing more."""
        return

    def next_promotion(self) -> int | None:
        """The id of a paused trial that is worth going on with now, or None; asked whenever a slot is free."""
        return None

    def next_finalist(self) -> int | None:
        """The id of the paused trial that comes closest to being worth going on with, or None if none is paused.

        Asked where a search would otherwise end without any trial that has come to its end: such a search would have
        no model to show.
        """
        return None

    def promoted(self, trial: int) -> None:
        """Note that a paused trial goes on."""
        return

    def to_json(self) -> dict[str, Any]:
        """The rule as it was made, without what it has learned, as JSON values; `read_rule` makes it again.

        Raises:
            ConfigError: Its class cannot be imported, or an argument is no attribute.
        """
        try:
            name = importable_name(type(self))
        except RecipeError as error:
            raise ConfigError(
                f"the rule {type(self).__name__} cannot be written down: {error.what}", why=error.why
            ) from error
        return {
            "rule": name,
            "arguments": {each: _argument(self, each) for each in inspect.signature(type(self)).parameters},
        }


def read_rule(data: Mapping[str, Any]) -> EarlyStopping:
    """A rule, as it was made, from what `EarlyStopping.to_json` wrote; imports its class.

    Raises:
        ConfigError: The class cannot be imported or is none of a rule, or its arguments have changed since.
    """
    name = data.get("rule")
    try:
        found = import_name(str(name))
    except RecipeError as error:
        raise ConfigError(
            f"the rule of early stopping {name!r} cannot be imported", fix="give the rule itself, in the script"
        ) from error
    if not (isinstance(found, type) and issubclass(found, EarlyStopping)):
        raise ConfigError(f"{name} is no rule of early stopping", fix="name a subclass of EarlyStopping")
    try:
        return found(**data.get("arguments", {}))
    except TypeError as error:
        raise ConfigError(f"the rule {name} cannot be made again: {error}", fix="give the rule itself") from error


def _argument(rule: EarlyStopping, name: str) -> Any:
    try:
        return getattr(rule, name)
    except AttributeError as error:
        raise ConfigError(
            f"the rule {type(rule).__name__} cannot be written down: it has no attribute {name!r}",
            why="each argument of its constructor is taken from the attribute of its name",
            fix=f"keep it: self.{name} = {name}",
        ) from error
