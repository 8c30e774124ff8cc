"""Jobs for the tests: a small model, and functions that stand for training.

The functions are sent to workers by name, which also shows that workers import what the driver can.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from retix.evaluator import FunctionalEvaluator, report_final_result, report_intermediate_result
from retix.recipe import dumps
from retix.trial import Event, Job

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return self.fc(x)
"""


def make_job(
    directory: Path, function: Callable[..., Any], *, trial: int = 1, source: str = MODEL, **fields: Any
) -> Job:
    """A job whose evaluator is ``function(model_cls, **arguments)``."""
    arguments = fields.pop("arguments", {})
    evaluator = dumps(FunctionalEvaluator(function, **arguments))
    fields = {"entry": "Net", "evaluator": evaluator, **fields}
    return Job(trial=trial, source=source, directory=directory / str(trial), **fields)


def events_until(engine: Any, done: Callable[[list[Event]], bool], limit: float = 120.0) -> list[Event]:
    """All events until ``done`` holds of them."""
    events: list[Event] = []
    end = time.monotonic() + limit
    while not done(events):
        assert time.monotonic() < end, f"only {events}"
        events += engine.events(10.0)
    return events


def report_three(model_cls: Callable[[], Any]) -> None:
    """Two intermediate results and a final one."""
    model_cls()
    report_intermediate_result(0.1)
    report_intermediate_result({"default": 0.2, "loss": 1.5})
    report_final_result(0.3)


def return_metric(model_cls: Callable[[], Any], metric: Any = 1.0) -> Any:
    """The metric as it was given."""
    model_cls()
    return metric


def return_nothing(model_cls: Callable[[], Any]) -> None:
    """No final result."""


def fill_weights(model_cls: Callable[[], Any]) -> float:
    """Sets all weights of the model to 7."""
    model_cls()
    model = model_cls()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7.0)
    return 1.0


def call_model(model_cls: Callable[[], Any], width: int = 2) -> float:
    """One forward pass."""
    return float(model_cls()(torch.ones(1, width)).sum().item())


def ask_memory(model_cls: Callable[[], Any]) -> float:
    """Asks torch's CPU allocator for more than any machine has."""
    return float(torch.empty(2**58).sum().item())


def leave(model_cls: Callable[[], Any]) -> None:
    """What a script's end looks like."""
    sys.exit(3)


def interrupt(model_cls: Callable[[], Any]) -> None:
    """The user presses Ctrl-C."""
    raise KeyboardInterrupt


def interrupt_trainer(model_cls: Callable[[], Any]) -> None:
    """The user presses Ctrl-C, and a trainer answers as Lightning's does."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        sys.exit(1)


def report_from(model_cls: Callable[[], Any]) -> dict[str, float]:
    """Facts about the process that runs the trial."""
    model_cls()
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    return {
        "default": 1.0,
        "pid": os.getpid(),
        "threads": torch.get_num_threads(),
        **{name: float(os.environ[name]) for name in names},
        "alone": float(os.getsid(0) == os.getpid()),
    }


def wander(model_cls: Callable[[], Any]) -> float:
    """Leaves the working directory and forgets where modules are."""
    os.chdir("/")
    sys.path.clear()
    return 1.0


def print_lines(model_cls: Callable[[], Any]) -> float:
    """Prints from Python, from C and from a child."""
    print("from Python")
    print("to stderr", file=sys.stderr)
    ctypes.CDLL(None).printf(b"from C\n")
    subprocess.run(["echo", "from a child"], check=True)
    return 1.0


def die(model_cls: Callable[[], Any], number: int = signal.SIGKILL) -> None:
    """The worker is killed from outside."""
    print("last words", flush=True)
    os.kill(os.getpid(), number)


def vanish(model_cls: Callable[[], Any]) -> None:
    """C code ends the process."""
    os._exit(5)


def fork_and_leave(model_cls: Callable[[], Any]) -> float:
    """A child comes back up the stack of the trial, as a careless fork does."""
    child = os.fork()
    if child == 0:
        report_intermediate_result(13.0)
        raise RuntimeError("the child's end")
    os.waitpid(child, 0)
    return 1.0


def hang(model_cls: Callable[[], Any], note: Path | None = None, holding: bool = False) -> None:
    """Never ends, with a child that never ends; notes both process ids; may hold the interpreter's lock."""
    child = subprocess.Popen(["sleep", "600"])
    if note is not None:
        temporary = note.with_suffix(".tmp")
        temporary.write_text(f"{os.getpid()} {child.pid}")
        temporary.rename(note)
    report_intermediate_result(0.0)
    if holding:
        ctypes.PyDLL(None).sleep(600)
    time.sleep(600)


def meet(model_cls: Callable[[], Any], mine: Path, theirs: Path) -> float:
    """Ends only if another trial runs at the same time."""
    mine.touch()
    end = time.monotonic() + 60
    while not theirs.exists():
        if time.monotonic() > end:
            raise TimeoutError("nobody came")
        time.sleep(0.005)
    return 1.0
