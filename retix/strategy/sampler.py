"""Random samples that pass a filter and, on request, make no network twice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from retix.errors import RetixError, SpaceError
from retix.space import Sample, SearchSpace
from retix.strategy.unexplored import Unexplored

ModelFilter: TypeAlias = Callable[[Sample], bool]
"""Whether a sample may be proposed; the same sample always gets the same answer."""


def make_refusal(refused: str) -> SpaceError:
    """The error of a space in which no sample was found that keeps the constraints."""
    return SpaceError(
        f"the constraints of the space refused {refused}",
        why="they contradict each other, or so few models meet them that none was found",
        fix="loosen the constraints, or take candidates out of the choices that can never meet them",
    )


class Sampler:
    """Draws samples that may be proposed.

    One draw looks at different samples only, so that it ends in a small space with an exact answer.

    Args:
        dedup: Whether a network, told apart by ``space.fingerprint``, may come only once.
        model_filter: Refuses samples; None accepts all.
        limit: How many samples one draw looks at before it gives up, which bounds its time in a space too large to
            be looked through.
    """

    def __init__(self, dedup: bool, model_filter: ModelFilter | None = None, limit: int = 5_000) -> None:
        self._dedup = dedup
        self._filter = model_filter
        self._limit = limit
        self._unexplored = Unexplored()
        self._seen: set[str] = set()
        self._open: set[str] = set()
        self._has_accepted = False
        self._has_permitted = False

    @property
    def exhausted(self) -> bool:
        """Whether nothing new can come any more."""
        return self._dedup and self._unexplored.empty

    def draw(self, space: SearchSpace, rng: random.Random) -> Sample | None:
        """Draw a sample that may be proposed, or None if none was found.

        Raises:
            SpaceError: The constraints of the space, or the filter, have refused everything so far.
        """
        unexplored = self._unexplored if self._dedup else Unexplored()
        for _ in range(self._limit):
            sample = unexplored.draw(space, rng)
            if sample is None:
                break
            if self._accept(space, sample):
                return sample
        if self._has_accepted:
            return None
        refused = "every model of the space" if unexplored.empty else f"each of {self._limit:,} models drawn in a row"
        if not self._has_permitted:
            raise make_refusal(refused)
        raise SpaceError(
            f"model_filter refused {refused}",
            fix="let model_filter return True for models that may be tried, or widen the space",
        )

    def accept(self, space: SearchSpace, sample: Sample) -> bool:
        """Whether ``sample`` may be proposed; if so, its network counts as proposed from now on."""
        is_accepted = self._accept(space, sample)
        if is_accepted and self._dedup:
            self._unexplored.close(space, sample)
        return is_accepted

    def _accept(self, space: SearchSpace, sample: Sample) -> bool:
        if not space.permits(sample):
            return False
        self._has_permitted = True
        if self._filter is not None and not self._filter(sample):
            return False
        if self._dedup:
            network = _shorten(space.fingerprint(sample))
            if network in self._seen:
                return False
            self._seen.add(network)
            self._open.add(_shorten(sample.key))
        self._has_accepted = True
        return True

    def note(self, space: SearchSpace, sample: Sample) -> None:
        """A trial of ``sample`` was told; if it was proposed by somebody else, its network shall not come again."""
        if not self._dedup:
            return
        key = _shorten(sample.key)
        if key in self._open:
            self._open.discard(key)
            return
        # What belongs to another space, as the trials of an earlier search may, cannot come here.
        with suppress(RetixError):
            self._unexplored.close(space, sample)
            self._seen.add(_shorten(space.fingerprint(sample)))
            # A space of which others have tried all that is permitted is no space that refuses everything.
            if space.permits(sample):
                self._has_permitted = True
                self._has_accepted |= self._filter is None or self._filter(sample)

    def state(self) -> dict[str, Any]:
        """What was drawn and accepted, as JSON values."""
        return {
            "unexplored": self._unexplored.state(),
            "seen": sorted(self._seen),
            "open": sorted(self._open),
            "has_accepted": self._has_accepted,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._unexplored.load_state(state["unexplored"])
        self._seen = set(state["seen"])
        self._open = set(state["open"])
        self._has_accepted = state["has_accepted"]


def _shorten(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
