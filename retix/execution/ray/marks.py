"""The files by which nodes recognise the driver's folders."""

from __future__ import annotations

import uuid
from pathlib import Path

from retix.execution.ray.message import Mark


class Marks:
    """Marks folders, each once.

    Args:
        shared: None leaves it to the nodes to find a mark. True and False make marks that every node finds, or none.
    """

    def __init__(self, shared: bool | None):
        self._shared = shared
        self._marks: dict[Path, Mark] = {}

    def mark(self, folder: Path) -> Mark:
        """The mark of a folder, which is made if it is not there.

        Raises:
            OSError: The folder cannot be written to.
        """
        if folder not in self._marks:
            mark = Mark(folder, f".retix-{uuid.uuid4().hex}", self._shared)
            folder.mkdir(parents=True, exist_ok=True)
            if self._shared is None:
                mark.file.touch(mode=0o600)
            self._marks[folder] = mark
        return self._marks[folder]

    def remove(self) -> None:
        """Remove the files."""
        for mark in self._marks.values():
            if self._shared is None:
                mark.file.unlink(missing_ok=True)
        self._marks.clear()
