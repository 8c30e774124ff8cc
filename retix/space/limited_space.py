"""A space of which only the models within limits may be tried."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol, TypeVar

from retix.errors import ConfigError, RetixError, SpaceError
from retix.space.looks import Judge, Looks, Tilt
from retix.space.sample import Sample
from retix.space.search_space import Pick, SearchSpace

_REMEMBERED = 100_000

_Known = TypeVar("_Known")


class Bound(Protocol):
    """A limit on a measure; `retix.objective.Limit` is one."""

    @property
    def name(self) -> str:
        """The measure."""

    @property
    def at_most(self) -> float | None:
        """No more than this."""

    @property
    def at_least(self) -> float | None:
        """No less than this."""

    def violation(self, value: float) -> float:
        """By how much a value is beyond the bounds; 0 within."""


class LimitedSpace(SearchSpace):
    """The models of a space whose measures are within limits.

    It asks the decisions of the space as they are. `permits` measures the whole sample, so that each strategy leaves
    out, before anything is trained, what is beyond a limit; a model that cannot be measured is left out, too. What was
    measured of a network is remembered. Where hardly any random model keeps the limits, `check` gives the decisions
    weights with which random models do so more often (`Tilt`).

    Args:
        space: The space. It has to know the measures (`SearchSpace.measure`).
        limits: The limits, all of which have to be kept.
    """

    def __init__(self, space: SearchSpace, limits: Iterable[Bound]) -> None:
        self._space = space
        self.limits = tuple(limits)
        self._measured: dict[str, tuple[float, ...]] = {}
        self._permitted: dict[str, bool] = {}
        self._first_error: RetixError | None = None
        self._tilt: Tilt | None = None

    def walk(self, pick: Pick) -> Sample:
        tilt = self._tilt
        return self._space.walk(pick if tilt is None else lambda decision: pick(tilt.tilt(decision)))

    def fingerprint(self, sample: Sample) -> str:
        return self._space.fingerprint(sample)

    def measure(self, sample: Sample, name: str) -> float:
        return self._space.measure(sample, name)

    def permits(self, sample: Sample) -> bool:
        known = self._permitted.get(sample.key)
        if known is None:
            known = self._space.permits(sample) and self._sum_violations(sample) == 0
            _remember(self._permitted, sample.key, known)
        return known

    def check(self) -> None:
        """Find out, before a search, whether any model keeps the limits.

        A space of at most 512 samples is looked through; in a larger one, the limits are approached from several
        samples by changing one decision at a time, for a bounded number of steps.

        Raises:
            SpaceError: A measure is unknown; or no model was found that keeps the limits: the error shows the smallest
                (or largest) value of the space, and the sample that has it.
            ConfigError: Every model that was looked at cannot be measured.
        """
        looks = Looks(self._space, self._sum_violations)
        if looks.find_best() == 0 and looks.best is not None:
            tilt = Tilt(self._space, self._judge_all, looks.best)
            self._tilt = tilt if not looks.is_whole and tilt.learn() else None
            return
        if looks.best is None:
            raise self._make_unmeasured_error()
        extremes = [Looks(self._space, self._judge(index), looks.best) for index in range(len(self.limits))]
        beyond = [(limit, each) for limit, each in zip(self.limits, extremes, strict=True) if each.find_best() > 0]
        if beyond:
            raise SpaceError(
                "; ".join(self._describe(limit, each) for limit, each in beyond),
                why="the limit is beyond what the choices of the space can make",
                fix="loosen the limit, or add candidates to the choices that reach it",
            )
        values = ", ".join(f"{limit.name} {self._value(looks.best, limit):g}" for limit in self.limits)
        raise SpaceError(
            f"no model {'of the space' if looks.is_whole else 'found'} keeps all limits at once: {self._limits_text}",
            where=f"the nearest is {looks.best}, with {values}",
            why="each of the limits can be kept, but not together with the others",
            fix="loosen one of the limits",
        )

    @property
    def _limits_text(self) -> str:
        return ", ".join(str(limit) for limit in self.limits)

    def _value(self, sample: Sample, limit: Bound) -> float:
        return self._read(sample)[self.limits.index(limit)]

    def _describe(self, limit: Bound, looks: Looks) -> str:
        assert looks.best is not None
        value = self._value(looks.best, limit)
        kind = "smallest" if limit.at_most is not None and value > limit.at_most else "largest"
        kind = "nearest" if limit.at_most is not None and limit.at_least is not None else kind
        known = "is" if looks.is_whole else "found is"
        return f"no model of the space keeps {limit}: the {kind} {known} {value:g}, of {looks.best}"

    def _make_unmeasured_error(self) -> RetixError:
        if self._first_error is not None:
            return ConfigError(
                f"the limits {self._limits_text} cannot be checked: no model that was drawn could be measured",
                why=self._first_error.what,
                fix=self._first_error.fix or "limit measures that the models of the space have",
            )
        return SpaceError(
            f"no model was found to which the limits {self._limits_text} could apply",
            why="the constraints of the space refused each that was drawn",
            fix="loosen the constraints",
        )

    def _judge_all(self, sample: Sample) -> float:
        """How far a sample is from being permitted."""
        return self._sum_violations(sample) if self._space.permits(sample) else math.inf

    def _judge(self, index: int) -> Judge:
        """How far a sample is beyond one of the limits."""
        return lambda sample: self.limits[index].violation(self._read(sample)[index])

    def _sum_violations(self, sample: Sample) -> float:
        return sum(limit.violation(value) for limit, value in zip(self.limits, self._read(sample), strict=True))

    def _read(self, sample: Sample) -> tuple[float, ...]:
        """The measures of a sample, one per limit; NaN where they cannot be taken."""
        network = self._space.fingerprint(sample)
        values = self._measured.get(network)
        if values is None:
            values = tuple(self._measure_once(sample, limit.name) for limit in self.limits)
            _remember(self._measured, network, values)
        return values

    def _measure_once(self, sample: Sample, name: str) -> float:
        try:
            return self._space.measure(sample, name)
        except SpaceError:
            raise  # there is no such measure
        except RetixError as error:
            self._first_error = self._first_error or error
            return math.nan

    def __repr__(self) -> str:
        return f"LimitedSpace({self._space!r}, {self._limits_text})"


def _remember(known: dict[str, _Known], key: str, value: _Known) -> None:
    """Keep a value, and forget the oldest if there are too many."""
    known[key] = value
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]
