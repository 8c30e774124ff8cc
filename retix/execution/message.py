"""What driver, fork server, keeper and worker say to each other, besides the jobs and the events themselves.

Nothing here imports torch: a keeper is a small process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # For annotations alone: a keeper needs nothing of it.
    from retix.trial import Verdict

MESSAGE_SIZE = 1 << 17
"""Bytes that a message between driver and fork server may have."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The driver's first message to a worker: surroundings in which the user's modules import as they do there.

    Attributes:
        path: The driver's ``sys.path``.
        arguments: The driver's ``sys.argv``.
        directory: The driver's working directory.
        python_path: The driver's ``PYTHONPATH``, or None if it has none.
        threads: How many threads torch may use for one operation.
    """

    path: tuple[str, ...]
    arguments: tuple[str, ...]
    directory: Path
    python_path: str | None
    threads: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has imported what it needs, and waits for a job; ``process`` is its id."""

    process: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The driver to a worker: how a trial goes on that has reported and waits."""

    trial: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Care:
    """How a keeper minds its worker.

    Attributes:
        driver: The process id of the driver.
        frozen_after: Seconds without a sign of life after which a worker is taken to be frozen.
        is_plain: Whether to do without what only Linux has.
    """

    driver: int
    frozen_after: float
    is_plain: bool = False

    @property
    def beat(self) -> float:
        """Seconds between two signs of life."""
        return max(0.02, min(1.0, self.frozen_after / 5))


@dataclass(frozen=True, slots=True)
class Beginning:
    """The worker to its keeper: a job begins, with these limits (see `retix.trial.Job`)."""

    trial: int
    directory: Path
    time_limit: float | None
    memory_limit: int | None
    log_limit: int | None


@dataclass(frozen=True, slots=True)
class Over:
    """The worker to its keeper: the job has ended."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: the worker to its keeper, unasked; the keeper to the driver, as the answer to the same."""


@dataclass(frozen=True, slots=True)
class End:
    """The driver to a keeper: end the worker and everything that it started."""


class Cause(StrEnum):
    """Why a worker ended."""

    DIED = "died"
    """By itself, or by a signal of somebody else's."""
    TIME = "time"
    MEMORY = "memory"
    FROZEN = "frozen"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Ended:
    """The keeper's last message: the worker and all that it started are gone.

    Attributes:
        cause: Why.
        trial: The trial that was running, as far as the keeper had heard.
        status: The worker's exit status, a negative number for a signal; None where nobody can tell.
        memory: Bytes that the trial had taken when its memory limit was passed.
        processes: How many processes had taken them.
        silence: Seconds without a sign of life of a frozen worker.
        is_stopped: Whether a signal had stopped the frozen worker.
        has_memory_run_out: Whether the kernel had killed somebody for want of memory since the job began.
        stacks: What each thread was doing when time was over, as far as the interpreter could still say.
    """

    cause: Cause
    trial: int | None = None
    status: int | None = None
    memory: int = 0
    processes: int = 0
    silence: float = 0.0
    is_stopped: bool = False
    has_memory_run_out: bool = False
    stacks: str = ""


@dataclass(frozen=True, slots=True)
class Preload:
    """The driver's first message to the fork server: what it and all that it forks need to know."""

    care: Care
    welcome: Welcome


@dataclass(frozen=True, slots=True)
class Loaded:
    """The fork server has imported everything, and forks from now on."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The driver to the fork server: fork a keeper and its worker; two connections come along.

    Attributes:
        number: Names the keeper from now on.
        environment: Environment variables of the worker, on top of the server's.
    """

    number: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Launched:
    """The fork server's answer: the keeper's process id; a descriptor of it comes along where there is one."""

    number: int
    process: int


@dataclass(frozen=True, slots=True)
class Buried:
    """The fork server: a keeper is gone, and so is everything that its worker had started."""

    number: int
