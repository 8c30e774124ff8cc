"""What the trials of a chaos search do; workers import it by name.

Each network has a key, and the key alone says what its trial does, so that the right end of every trial is known
beforehand. Every run of a trial leaves lines in a file of its own: the record beside the store, to compare it with.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import retix.nn.pytorch as nn
from retix import report_intermediate_result
from retix.trial import FailureKind

SIDE = 96
INPUTS = torch.zeros(2, 2)

# Of a thousand trials, how many do what beside returning a metric.
SHARES = {
    "raise": 30,
    "shape": 15,
    "nan": 25,
    "silent": 20,
    "memory_error": 15,
    "exit": 15,
    "crash": 15,
    "hang": 12,
    "deaf": 8,
    "leak": 10,
    "leak_in_child": 8,
    "freeze": 10,
    "children": 20,
    "daemon": 20,
    "log": 20,
}

# How those end that do not succeed.
KINDS = {
    "raise": FailureKind.RAISED,
    "shape": FailureKind.SHAPE,
    "nan": FailureKind.NOT_FINITE,
    "silent": FailureKind.NO_METRIC,
    "memory_error": FailureKind.OUT_OF_MEMORY,
    "exit": FailureKind.KILLED,
    "crash": FailureKind.KILLED,
    "hang": FailureKind.TIMEOUT,
    "deaf": FailureKind.TIMEOUT,
    "leak": FailureKind.OUT_OF_MEMORY,
    "leak_in_child": FailureKind.OUT_OF_MEMORY,
    "freeze": FailureKind.WORKER_LOST,
}

_BLOCK = 64 << 20
_LOG = 4 << 20
_LEAK = "import time; hoard = []\nwhile True: hoard.append(bytearray(b'x') * (64 << 20)); time.sleep(0.02)"


class Wide(nn.Module):
    """9,216 networks, told apart by two widths."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.ValueChoice(list(range(1, SIDE + 1)), label="first")
        second = nn.ValueChoice(list(range(1, SIDE + 1)), label="second")
        self.one = nn.Linear(2, first)
        self.two = nn.Linear(first, second)

    def forward(self, x: torch.Tensor) -> Any:
        return self.two(self.one(x))


def key_of(first: int, second: int) -> int:
    """The key of a network."""
    return (first - 1) * SIDE + second - 1


def choose_deed(seed: int, key: int) -> str:
    """What the trial of a network does: one of `SHARES`, or ``fine``."""
    left = random.Random(f"{seed}/{key}").randrange(1000)
    for deed, share in SHARES.items():
        if left < share:
            return deed
        left -= share
    return "fine"


def choose_metric(key: int) -> float:
    """What the trial of a network reports, on the way and if it succeeds."""
    return key * 7919 % 10_007 / 10_007


class Record:
    """The file in which the runs of one network leave lines; a line is written at once or not at all."""

    def __init__(self, directory: Path, key: int) -> None:
        self._file = os.open(directory / f"{key}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, what: str, **values: Any) -> None:
        """Add a line."""
        line = {"what": what, "time": time.time(), "pid": os.getpid(), **values}
        os.write(self._file, f"{json.dumps(line)}\n".encode())

    def claim(self) -> None:
        """Note if another process runs the same network at this moment; held until this process ends."""
        try:
            # Of this process alone: what it forks does not hold it.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.add("overlap")

    def close(self) -> None:
        """Let go."""
        os.close(self._file)


def misbehave(model_cls: Callable[[], Any], directory: Path, seed: int) -> dict[str, float] | float | None:
    """Do what the key of the model says.

    Args:
        model_cls: Makes the model.
        directory: Where the runs leave their lines.
        seed: Says which key does what.
    """
    model = model_cls()
    key = key_of(model.one.out_features, model.two.out_features)
    deed = choose_deed(seed, key)
    record = Record(directory, key)
    try:
        record.claim()
        record.add("begin", deed=deed)
        report_intermediate_result(choose_metric(key))
        time.sleep(random.Random(key).random() * 0.03)
        if deed in _DEEDS:
            result = _DEEDS[deed](model, record)
            if deed in KINDS:
                record.add("end")
                return result
        report_intermediate_result(choose_metric(key))
        record.add("end", value=choose_metric(key))
        return {"default": choose_metric(key), "key": float(key)}
    finally:
        record.close()


def _raise(model: Any, record: Record) -> None:
    raise ValueError("this network raises")


def _misfit(model: Any, record: Record) -> None:
    model(torch.zeros(2, 3))


def _give_nan(model: Any, record: Record) -> float:
    return float("nan")


def _say_nothing(model: Any, record: Record) -> None:
    return None


def _raise_memory_error(model: Any, record: Record) -> None:
    raise MemoryError


def _exit(model: Any, record: Record) -> None:
    os._exit(3)


def _crash(model: Any, record: Record) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang(model: Any, record: Record) -> None:
    time.sleep(600)


def _turn_deaf(model: Any, record: Record) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def _leak(model: Any, record: Record) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * _BLOCK)
        time.sleep(0.02)


def _leak_in_child(model: Any, record: Record) -> None:
    subprocess.run([sys.executable, "-c", _LEAK], check=True)


def _freeze(model: Any, record: Record) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


def _leave_children(model: Any, record: Record) -> None:
    children = [subprocess.Popen(["sleep", "600"]).pid for _ in range(3)]
    record.add("children", pids=children)


def _leave_daemon(model: Any, record: Record) -> None:
    """Fork twice, in a session of its own: nobody's child any more."""
    script = "sleep 600 >/dev/null 2>&1 & echo $!"
    found = subprocess.run(
        ["setsid", "sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True, close_fds=True
    )
    record.add("children", pids=[int(found.stdout)])


def _fill_log(model: Any, record: Record) -> None:
    line = "this line fills the log; " * 40 + "\n"
    for _ in range(_LOG // len(line)):
        sys.stdout.write(line)
    sys.stdout.flush()


_DEEDS: dict[str, Callable[[Any, Record], Any]] = {
    "raise": _raise,
    "shape": _misfit,
    "nan": _give_nan,
    "silent": _say_nothing,
    "memory_error": _raise_memory_error,
    "exit": _exit,
    "crash": _crash,
    "hang": _hang,
    "deaf": _turn_deaf,
    "leak": _leak,
    "leak_in_child": _leak_in_child,
    "freeze": _freeze,
    "children": _leave_children,
    "daemon": _leave_daemon,
    "log": _fill_log,
}
