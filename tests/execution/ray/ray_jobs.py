"""Functions that stand for training on the nodes of a cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retix.weights import current


def take_time(model_cls: Callable[[], Any], seconds: float) -> float:
    """Does nothing for a while."""
    time.sleep(seconds)
    return 1.0


def gather(model_cls: Callable[[], Any], folder: Path, trial: int, count: int) -> float:
    """Ends when so many trials run at the same time."""
    folder.mkdir(exist_ok=True)
    (folder / str(trial)).touch()
    end = time.monotonic() + 100
    while len(list(folder.iterdir())) < count:
        if time.monotonic() > end:
            raise TimeoutError("the others did not come")
        time.sleep(0.01)
    return 1.0


def leave_files(model_cls: Callable[[], Any]) -> dict[str, float]:
    """Prints, and writes a large file and an empty one beside the log; says whether that is far from the driver."""
    model_cls()
    print("as a node prints")
    directory = Path(os.readlink("/proc/self/fd/1")).parent
    (directory / "deep").mkdir()
    (directory / "deep" / "large").write_bytes(os.urandom(20_000_000))
    (directory / "deep" / "empty").touch()
    return {"default": 1.0, "far": float(directory.parent.parent.name.startswith("retix-ray-"))}


def leave_note(model_cls: Callable[[], Any], size: int) -> float:
    """Leaves random bytes beside its weights."""
    model_cls()
    current().put_file("note", os.urandom(size))
    return 1.0


def read_note(model_cls: Callable[[], Any]) -> dict[str, float]:
    """Reads what the parent left, and its weights."""
    model_cls()
    note = current().parent_file("note")
    return {"default": float(current().load_parent().keys() == {"fc.weight", "fc.bias"}), "size": float(len(note))}
