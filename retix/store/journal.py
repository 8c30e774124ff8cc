"""What is kept of a search beside its trials: the strategy's steps, every run of a trial, and tables of failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from retix.trial import Failure, FailureKind, Verdict

StepKind: TypeAlias = Literal["ask", "tell", "enqueue", "halt", "requeue", "pause", "promote"]
"""What happened in a search, in the order in which its strategy saw it.

- ``ask``: the strategy was asked for a proposal.
- ``tell``: it was told what became of a trial.
- ``enqueue``: a user's own sample was put in.
- ``halt``: a trial was stopped because the search ended.
- ``requeue``: a search that goes on took such a trial up again.
- ``pause``: early stopping paused a trial, and the strategy observed how far it had come.
- ``promote``: a paused trial goes on.
"""

STEP_KINDS: tuple[StepKind, ...] = get_args(StepKind)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the journal.

    Attributes:
        number: Counts up from 1 in the order of the steps.
        kind: What happened.
        trial: The trial it was about; None for a strategy that was asked and had nothing to propose.
        data: What belongs to it, as JSON values.
        time: When it was recorded, in seconds since the epoch.
    """

    number: int
    kind: StepKind
    trial: int | None
    data: Any
    time: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a trial, also one that was lost or that was tried again.

    Attributes:
        trial: The trial's id.
        number: Counts from 1 within the trial.
        worker: Who ran it.
        started: When it began, in seconds since the epoch.
        ended: When it ended; None while it runs, and for one whose driver died before it could say so.
        failure: How it failed; None unless it did.
        stopped: Whether it was stopped: by the user, or with the search.
        verdict: How early stopping ended it; None unless it did.
    """

    trial: int
    number: int
    worker: str
    started: float
    ended: float | None = None
    failure: Failure | None = None
    stopped: bool = False
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The failures of one kind in an experiment.

    Attributes:
        kind: The kind.
        trials: How many trials failed so in the end.
        retried: How many runs failed so of trials that were then run again.
        first: The lowest id of a trial that has such a failure.
        last: The highest.
        message: What that last trial said.
    """

    kind: FailureKind
    trials: int
    retried: int
    first: int
    last: int
    message: str


@dataclass(frozen=True, slots=True)
class PastConfig:
    """Settings of an experiment that others replaced.

    Attributes:
        until: When they were replaced, in seconds since the epoch.
        config: All of the settings, as they were until then.
    """

    until: float
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """A command of a user's, and what the driver answered.

    Attributes:
        id: Names it.
        name: What was to be done; empty for what could not be read.
        arguments: With what, as JSON values.
        sent: When it was sent, in seconds since the epoch.
        answered: When it was answered.
        ok: Whether it was carried out.
        text: What the driver says, such as the new trial's id, or why not.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    sent: float
    answered: float
    ok: bool
    text: str
