from __future__ import annotations

from pathlib import Path

import pytest

from retix.execution.loss import describe_exit, describe_loss, describe_no_start, say_bytes
from retix.execution.message import Cause, Ended
from retix.trial import FailureKind, Job

JOB = Job(7, "", "Net", b"", Path("/nowhere"), time_limit=5.0, memory_limit=2_000_000_000)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (-11, "was killed by SIGSEGV"),
        (-63, "was killed by signal 63"),
        (None, "ended"),
    ],
)
def test_describe_exit(status: int | None, words: str) -> None:
    """Signals are named."""
    assert describe_exit(status) == words


@pytest.mark.parametrize(
    ("ended", "kind", "words"),
    [
        (Ended(Cause.DIED, 7, -9), FailureKind.KILLED, "SIGKILL, as the system does when memory runs out while it ran"),
        (Ended(Cause.DIED, 7, -9, has_memory_run_out=True), FailureKind.KILLED, "the system killed a process"),
        (Ended(Cause.DIED, 7, 3), FailureKind.KILLED, "exited with status 3 while it ran trial 7"),
        (Ended(Cause.TIME, 7), FailureKind.TIMEOUT, "time limit of 5 s"),
        (
            Ended(Cause.MEMORY, 7, memory=2_340_000_000, processes=3),
            FailureKind.OUT_OF_MEMORY,
            "3 processes had taken 2.3 GB of memory, more than its limit of 2.0 GB",
        ),
        (
            Ended(Cause.FROZEN, 7, silence=60.4, is_stopped=True),
            FailureKind.WORKER_LOST,
            "by a signal for 60 s",
        ),
        (Ended(Cause.FROZEN, 7, silence=61), FailureKind.WORKER_LOST, "no sign of life and used no CPU time for 61 s"),
        (Ended(Cause.TIME, 6), FailureKind.WORKER_LOST, "ended for what had run before"),
        (None, FailureKind.WORKER_LOST, "the process that minds its worker was killed"),
    ],
)
def test_describe_loss(ended: Ended | None, kind: FailureKind, words: str) -> None:
    """Each cause has its kind and its words; a limit counts only for the trial that it was for."""
    failure = describe_loss(JOB, ended)
    assert failure.kind is kind
    assert words in failure.message
    assert "\n" not in failure.message


def test_describe_no_start() -> None:
    """The last line of what the worker left, or the reason that is known, is part of the message."""
    words = "Traceback (most recent call last):\n  here\nImportError: no torch\n"
    failure = describe_no_start(JOB, "", words)
    assert failure.kind is FailureKind.WORKER_LOST
    assert failure.message.endswith("ImportError: no torch")
    assert failure.traceback == words
    assert describe_no_start(JOB, "no file descriptor left").message.endswith(": no file descriptor left")


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (2e9, "2.0 GB"), (3e12, "3.0 TB")]
)
def test_say_bytes(size: float, words: str) -> None:
    """Bytes in decimal units, with as many digits as matter."""
    assert say_bytes(size) == words
