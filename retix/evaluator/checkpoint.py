"""Where a trial keeps its own state when early stopping pauses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path


class Checkpoint:
    """The file of one evaluation's state, and how far the evaluation has come.

    The state belongs to whoever trains: the first that asks for it by `claim`, if several train in one trial the one
    that was training when the trial was paused.

    Args:
        path: The file, which need not exist; None if the trial is never paused.
        first_step: How many intermediate results came before the trial was paused; 0 if it was not.

    Attributes:
        path: As given.
        first_step: As given.
        steps: How many intermediate results the evaluation has come to, with those before it was paused.
    """

    def __init__(self, path: Path | None = None, first_step: int = 0):
        self.path = path
        self.first_step = first_step
        self.steps = 0
        self._claims = 0
        self._save: Callable[[Path], None] | None = None

    def claim(self) -> int:
        """The number of the training that begins, counted from 0 in this trial."""
        self._claims += 1
        return self._claims - 1

    def keep_by(self, save: Callable[[Path], None]) -> None:
        """Let ``save`` write the state to the path that it is given, at the moment when the trial is paused."""
        self._save = save

    def save(self) -> None:
        """Write the state, if somebody said how; else the trial begins anew when it goes on."""
        if self._save is not None:
            self.write(self._save)

    def write(self, write: Callable[[Path], None]) -> None:
        """Have the file written: it gets its name when it is whole and on the disk.

        A state that cannot be written fails nobody: the trial then begins anew when it goes on, and its log says why.
        """
        if self.path is None:
            return
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            write(part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(self.path)
        except Exception as error:
            part.unlink(missing_ok=True)
            self.explain(f"cannot be written, so that the trial will not go on from here: {error!r}")

    def explain(self, what: str) -> None:
        """Say in the trial's log what is wrong with the checkpoint."""
        print(f"the checkpoint {self.path} {what}", flush=True)


# Ambient for the same reason as the reporter: `continue_from_checkpoint(model=model)` is called by a user's function.
_checkpoint: ContextVar[Checkpoint | None] = ContextVar("retix_checkpoint", default=None)


@contextmanager
def checkpointing(checkpoint: Checkpoint) -> Iterator[None]:
    """Let what trains inside the ``with`` block keep its state in ``checkpoint``."""
    token = _checkpoint.set(checkpoint)
    try:
        yield
    finally:
        _checkpoint.reset(token)


def current_checkpoint() -> Checkpoint:
    """Where to keep the state here; outside a trial, one that keeps nothing."""
    return _checkpoint.get() or Checkpoint()
