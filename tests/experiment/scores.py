"""What stands for training in the tests; workers import it by name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from retix import report_final_result, report_intermediate_result
from retix.evaluator import continue_from_checkpoint

ModelClass = Callable[[], Any]


def width_of(model: Any) -> int:
    """The width of a `nets.Chain`."""
    return int(model.first.out_features)


def score_width(model_cls: ModelClass, log: Path | None = None, gate: Path | None = None) -> None:
    """Best at a width of 4; reports twice on the way, and waits for ``gate`` to exist."""
    width = width_of(model_cls())
    if log is not None:
        with log.open("a") as file:
            print(width, file=file)
    report_intermediate_result({"default": 0.0, "loss": 1.0})
    report_intermediate_result(0.5)
    if gate is not None:
        wait_for(gate)
    report_final_result({"default": -abs(width - 4.0), "width": width})


def learn_width(model_cls: ModelClass, log: Path, steps: int = 4, fails_at: int | None = None) -> float:
    """Reports the width times the step, ``steps`` times, and goes on where it was paused; ``log`` has what it did.

    At the step ``fails_at`` it raises, the first time.
    """
    model = model_cls()
    width = width_of(model)
    begin = continue_from_checkpoint(model=model)
    for step in range(begin + 1, steps + 1):
        line = f"{width} {step}"
        is_again = log.exists() and line in log.read_text().splitlines()
        with log.open("a") as file:
            print(line, file=file)
        if step == fails_at and not is_again:
            raise RuntimeError("a bad step")
        report_intermediate_result({"default": float(width * step), "loss": 1.0 / step})
    return float(width * steps)


def learn_nothing(model_cls: ModelClass, value: float) -> float:
    """Reports the same value twice."""
    model_cls()
    report_intermediate_result({"default": value, "loss": 1.0})
    report_intermediate_result({"default": value, "loss": 1.0})
    return 0.75


def count_parameters(model_cls: ModelClass, log: Path) -> float:
    """The number of parameters; leaves a line in ``log``."""
    with log.open("a") as file:
        print(os.getpid(), file=file)
    return float(sum(parameter.numel() for parameter in model_cls().parameters()))


def await_gate(model_cls: ModelClass, gate: Path, outcome: str = "good") -> float:
    """Waits for ``gate``, then succeeds, or raises if the outcome is ``bad``."""
    model_cls()
    wait_for(gate)
    if outcome == "bad":
        raise RuntimeError("a bad end")
    return 7.0


def hang(model_cls: ModelClass, note: Path) -> None:
    """Never ends, and neither does its child; notes both process ids."""
    child = subprocess.Popen(["sleep", "600"])
    temporary = note.with_suffix(".tmp")
    temporary.write_text(f"{os.getpid()} {child.pid}")
    temporary.rename(note)
    time.sleep(600)


def behave(model_cls: ModelClass) -> float | None:
    """Ends as the case of a `nets.Cases` says."""
    model = model_cls()
    rate = getattr(model.case, "p", None)
    report_intermediate_result(0.0)
    if rate == 0.1:
        os.kill(os.getpid(), signal.SIGKILL)
    if rate == 0.2:
        model(torch.zeros(1, 3))
    if rate == 0.3:
        time.sleep(600)
    if rate == 0.4:
        return float("nan")
    return None if rate == 0.5 else 1.0


def raise_in_model(model_cls: ModelClass) -> None:
    """Calls the model with an input of the wrong width."""
    model_cls()(torch.zeros(1, 3))


def wait_for(path: Path, limit: float = 120.0) -> None:
    """Return once ``path`` exists."""
    end = time.monotonic() + limit
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"nobody made {path}")
        time.sleep(0.01)
