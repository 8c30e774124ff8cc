"""A host's folder on its node's own disk."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import tempfile
from pathlib import Path

import psutil

_NAME = re.compile(r"retix-ray-(?P<host>.+)-(?P<process>\d+)-(?P<created>\d+)-")


class Room:
    """A private temporary folder, made when it is asked for.

    What hosts that were killed have left on this machine is removed then.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def empty(self) -> Path:
        """The folder, with nothing in it.

        Raises:
            OSError: The disk is full, say.
        """
        if self._folder is None:
            sweep_rooms()
            process = psutil.Process()
            prefix = f"retix-ray-{socket.gethostname()}-{process.pid}-{int(process.create_time())}-"
            self._folder = Path(tempfile.mkdtemp(prefix=prefix))
        trial = self._folder / "trial"
        if trial.exists():
            shutil.rmtree(trial)
        trial.mkdir()
        return trial

    def remove(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def sweep_rooms() -> None:
    """Remove the folders of this machine's hosts that are no more; those of other users cannot be removed."""
    for folder in Path(tempfile.gettempdir()).glob("retix-ray-*"):
        match = _NAME.match(folder.name)
        if match is None or match["host"] != socket.gethostname():
            continue
        if not _is_running(int(match["process"]), int(match["created"])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int, created: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return abs(psutil.Process(process).create_time() - created) < 2
    return False
