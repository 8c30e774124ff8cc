from __future__ import annotations

import pytest

from retix.execution.process import describe_exit


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (-11, "was killed by SIGSEGV"),
        (-9, "was killed by SIGKILL, as the system does when memory runs out"),
        (-63, "was killed by signal 63"),
    ],
)
def test_describe_exit(status: int, words: str) -> None:
    """Signals are named, and SIGKILL tells its usual reason."""
    assert describe_exit(status) == words
