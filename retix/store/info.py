"""What is known of an experiment as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

OptimizeMode: TypeAlias = Literal["maximize", "minimize"]
"""Whether a higher or a lower default metric is better."""


class ExperimentState(StrEnum):
    """How far an experiment is."""

    RUNNING = "running"
    PAUSED = "paused"
    """Running, but nothing new is begun until the user says so."""
    DONE = "done"
    """Ended by itself: its budget is spent, or its strategy has nothing left to propose."""
    STOPPED = "stopped"
    """Ended by the user."""
    FAILED = "failed"
    """Ended by an error of the search itself; a failed trial does not fail its experiment."""
    INTERRUPTED = "interrupted"
    """Recorded as running or paused, but its driver is gone. Only readers say so; it is never recorded."""
    UNREADABLE = "unreadable"
    """Its database cannot be read. Only `list_experiments` says so; it is never recorded."""

    @property
    def is_recorded(self) -> bool:
        """Whether a driver may record the state, which is otherwise found out by readers."""
        return self not in (ExperimentState.INTERRUPTED, ExperimentState.UNREADABLE)

    @property
    def is_active(self) -> bool:
        """Whether a driver is at work on it."""
        return self in (ExperimentState.RUNNING, ExperimentState.PAUSED)


@dataclass(frozen=True, slots=True)
class ExperimentInfo:
    """An experiment as a whole.

    Attributes:
        id: The name of its directory.
        name: What the user called it.
        state: How far it is.
        created: When it was created, in seconds since the epoch; of an unreadable one, when its directory last changed.
        ended: When it ended, in seconds since the epoch.
        optimize_mode: Whether a higher or a lower default metric is better.
        config: Its settings as JSON values.
        pid: The process id of its driver.
        host: The name of the machine that its driver runs on.
        versions: The versions of python, retix and torch that its driver ran with, by name.
        problem: Why it cannot be read; None unless it is unreadable.
    """

    id: str
    name: str
    state: ExperimentState
    created: float
    ended: float | None = None
    optimize_mode: OptimizeMode = "maximize"
    config: Mapping[str, Any] = field(default_factory=dict)
    pid: int | None = None
    host: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
