"""What a search is after: which metrics count, in which direction, and within which limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from retix.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on something that is known of a model: the epsilon-constraint form of an objective.

    Attributes:
        name: The metric, or a measure that needs no training, such as ``parameters``, in the unit of that measure.
        at_most: No more than this.
        at_least: No less than this.

    Raises:
        ConfigError: There is no bound, or none that can be kept.
    """

    name: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        if self.at_least is None and self.at_most is None:
            raise ConfigError(f"the limit on {self.name!r} limits nothing", fix="give it at_most, at_least, or both")
        if not low <= high:
            raise ConfigError(
                f"nothing can be at least {low:g} and at most {high:g}: the limit on {self.name!r}",
                fix="give at_least a number that is not above at_most",
            )

    def violation(self, value: float) -> float:
        """By how much ``value`` is beyond the bounds, relative to the bound; 0 within, infinite for NaN."""
        if math.isnan(value):
            return math.inf
        over = 0.0 if self.at_most is None else (value - self.at_most) / (abs(self.at_most) or 1.0)
        under = 0.0 if self.at_least is None else (self.at_least - value) / (abs(self.at_least) or 1.0)
        return max(0.0, over, under)

    def __str__(self) -> str:
        low = [] if self.at_least is None else [f"{self.name} >= {self.at_least:g}"]
        high = [] if self.at_most is None else [f"{self.name} <= {self.at_most:g}"]
        return " and ".join(low + high)


@dataclass(frozen=True, slots=True)
class Objective:
    """One metric that is to be as high, or as low, as possible.

    Attributes:
        name: The metric that the evaluator reports, or a measure that needs no training, such as ``parameters``.
        mode: ``maximize`` or ``minimize``.
        at_most: If given, a model with more is not wanted, whatever else it is good at.
        at_least: If given, a model with less is not wanted.

    Raises:
        ConfigError: The mode is unknown, or the bounds cannot be kept.
    """

    name: str = "default"
    mode: Literal["maximize", "minimize"] = "maximize"
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("maximize", "minimize"):
            raise ConfigError(f"the mode of {self.name!r} is {self.mode!r}", fix="use 'maximize' or 'minimize'")
        _ = self.limit

    @property
    def limit(self) -> Limit | None:
        """Its bounds, if it has any."""
        if self.at_most is None and self.at_least is None:
            return None
        return Limit(self.name, self.at_most, self.at_least)

    def cost(self, metrics: Mapping[str, float]) -> float:
        """The metric such that lower is better; infinite where it is missing or not finite."""
        value = metrics.get(self.name, math.nan)
        if not math.isfinite(value):
            return math.inf
        return -value if self.mode == "maximize" else value


class Objectives:
    """All that a search is after; with several objectives, models are compared by dominance.

    Args:
        objectives: At least one, each of another metric.
        limits: Further bounds.

    Raises:
        ConfigError: There is no objective, or two for one metric.
    """

    def __init__(self, objectives: Iterable[Objective] = (Objective(),), limits: Iterable[Limit] = ()) -> None:
        self.objectives = tuple(objectives)
        names = [objective.name for objective in self.objectives]
        if not names or len(set(names)) < len(names):
            raise ConfigError(
                f"the objectives are {', '.join(map(repr, names)) or 'none'}", fix="give one objective per metric"
            )
        own = [limit for objective in self.objectives if (limit := objective.limit) is not None]
        self.limits: tuple[Limit, ...] = (*own, *limits)

    def __len__(self) -> int:
        return len(self.objectives)

    def __iter__(self) -> Iterator[Objective]:
        return iter(self.objectives)

    @property
    def primary(self) -> Objective:
        """The first, by which single models are ranked where one number is needed."""
        return self.objectives[0]

    def costs(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The objectives such that lower is better, in their order; infinite where a metric is missing."""
        return tuple(objective.cost(metrics) for objective in self.objectives)

    def violation(self, metrics: Mapping[str, float]) -> float:
        """By how much all limits are broken together, relative to the bounds; a metric that is missing breaks none."""
        return sum(limit.violation(metrics[limit.name]) for limit in self.limits if limit.name in metrics)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "objectives": [[o.name, o.mode, o.at_most, o.at_least] for o in self.objectives],
            "limits": [[limit.name, limit.at_most, limit.at_least] for limit in self.limits if not self._is_own(limit)],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Objectives:
        """What ``to_json`` wrote."""
        return cls((Objective(*item) for item in data["objectives"]), (Limit(*item) for item in data["limits"]))

    def _is_own(self, limit: Limit) -> bool:
        return any(limit == objective.limit for objective in self.objectives)
