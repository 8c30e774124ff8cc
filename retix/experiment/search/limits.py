"""What a search may spend, and by which rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retix.experiment.search.failure_policy import FailurePolicy
from retix.trial import FailureKind

# Proposals in a row that start no trial, after which a space is taken to hold nothing new.
PATIENCE = 1000

_PLAIN = FailurePolicy()
_ONCE_MORE = FailurePolicy(retries=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a search may spend, and by which rules.

    Attributes:
        trials: How many trials are run, duplicates not counted; None for no limit.
        duration: Seconds that the search may take, time in which it is paused not counted; None for no limit. A search
            that is resumed has all of them again.
        trial_duration: Seconds that a trial may take, each time that it is run or goes on after a pause; None for no
            limit.
        patience: Proposals in a row that may start no trial, because their network is known or cannot be built.
        retries: How often a trial is run again whose worker died or was lost, where ``policies`` does not say.
        trial_memory: Bytes of memory that one trial may take; None for no limit.
        trial_log: Bytes that each log of a trial may hold; None for no limit.
        policies: What is done about failures, by their kind.
        deterministic: Whether proposals depend on the seed alone, and not on which trial ends first.
    """

    trials: int | None = None
    duration: float | None = None
    trial_duration: float | None = None
    patience: int = PATIENCE
    retries: int = 0
    trial_memory: int | None = None
    trial_log: int | None = None
    policies: Mapping[FailureKind, FailurePolicy] = field(default_factory=dict)
    deterministic: bool = False

    def policy(self, kind: FailureKind) -> FailurePolicy:
        """What is done about failures of a kind: by default, they are final; only a lost worker is forgiven once."""
        given = self.policies.get(kind)
        if given is not None:
            return given
        if kind in (FailureKind.KILLED, FailureKind.WORKER_LOST) and self.retries:
            return FailurePolicy(retries=self.retries)
        return _ONCE_MORE if kind is FailureKind.WORKER_LOST else _PLAIN
