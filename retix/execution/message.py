"""What driver and worker say to each other, besides the jobs and the events themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Welcome:
    """The driver's first message: the surroundings in which the user's modules import as they do in the driver.

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
    """The worker's first message: it has imported what it needs, and waits for a job."""
