"""Jobs for the tests: a small model, and functions that stand for training.

The functions are sent to workers by name, which also shows that workers import what the driver can.
"""

from __future__ import annotations

import contextvars
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch

from retix.evaluator import (
    FunctionalEvaluator,
    continue_from_checkpoint,
    report_final_result,
    report_intermediate_result,
)
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


def report_stubbornly(model_cls: Callable[[], Any], name: str) -> None:
    """Reports three times and does not let exceptions of a kind end it; then a final result."""
    kind = {"exception": Exception, "everything": BaseException}[name]
    for step in range(3):
        try:
            report_intermediate_result(step)
        except kind as error:
            print("caught", type(error).__name__, flush=True)
    report_final_result(1.0)


def report_in_threads(model_cls: Callable[[], Any]) -> float:
    """Two threads report at the same time, three times each."""
    contexts = [contextvars.copy_context() for _ in range(2)]
    threads = [
        threading.Thread(target=context.run, args=(lambda: [report_intermediate_result(0.5) for _ in range(3)],))
        for context in contexts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1.0


def descend(model_cls: Callable[[], Any], epochs: int = 5, keeps: bool = True) -> dict[str, float]:
    """Trains in steps that chance decides, and can be paused; says how many steps this process has made."""
    torch.manual_seed(1)
    random.seed(1)
    numpy.random.seed(1)
    model = model_cls()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    shuffling = torch.Generator().manual_seed(2)
    objects = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "shuffling": shuffling}
    steps = continue_from_checkpoint(**objects) if keeps else 0
    for _ in range(steps, epochs):
        optimizer.zero_grad()
        noise = random.random() + numpy.random.rand() + torch.rand(4, 2, generator=shuffling)
        (model(noise) ** 2 + torch.rand(1)).sum().backward()
        optimizer.step()
        scheduler.step()
        print("a step", flush=True)
        report_intermediate_result(_sum_up(model))
    return {"default": _sum_up(model), "made": epochs - steps}


def _sum_up(model: Any) -> float:
    return float(sum(parameter.detach().double().sum() for parameter in model.parameters()))


def die_waiting(model_cls: Callable[[], Any]) -> None:
    """The process ends while the trial waits for an answer."""
    timer = threading.Timer(0.05, os._exit, (5,))
    timer.start()
    report_intermediate_result(0.0)
    timer.join()


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


def leave_daemon(model_cls: Callable[[], Any], note: Path, forever: bool = False) -> float:
    """Starts a daemon as they do it: two forks and a session of its own; notes its process id, and may never end."""
    script = (
        "import os, pathlib, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "note = pathlib.Path(sys.argv[1])\n"
        "temporary = note.with_suffix('.tmp')\n"
        "temporary.write_text(f'{sys.argv[2]} {os.getpid()}')\n"
        "temporary.rename(note)\n"
        "time.sleep(600)\n"
    )
    subprocess.run([sys.executable, "-S", "-c", script, str(note), str(os.getpid())], check=True)
    while not note.exists():
        time.sleep(0.005)
    report_intermediate_result(0.0)
    if forever:
        time.sleep(600)
    return 1.0


def take_memory(model_cls: Callable[[], Any], megabytes: int, in_child: bool = False) -> float:
    """Takes memory and keeps it, by itself or in a child."""
    if in_child:
        script = f"x = b'x' * {megabytes << 20}; import time; time.sleep(600)"
        subprocess.run([sys.executable, "-c", script], check=True)
    else:
        taken = b"x" * (megabytes << 20)
        time.sleep(600 if taken else 0)
    return 1.0


def print_much(model_cls: Callable[[], Any], lines: int) -> float:
    """Prints numbered lines."""
    for number in range(lines):
        print(f"line {number:08}")
    return 1.0


def stop(model_cls: Callable[[], Any]) -> None:
    """The worker is stopped, as by Ctrl-Z or a debugger."""
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


def hold_lock(model_cls: Callable[[], Any]) -> None:
    """C code sleeps and does not let go of the interpreter's lock."""
    ctypes.PyDLL(None).sleep(600)


def work_in_c(model_cls: Callable[[], Any], count: int) -> float:
    """One call of C code, which does not let go of the interpreter's lock, works for a while."""
    return float(sum(range(count)) > 0)


def draw(model_cls: Callable[[], Any]) -> dict[str, float]:
    """Numbers by chance, of each generator, and where they were drawn."""
    return {
        "default": random.random(),
        "numpy": float(numpy.random.rand()),
        "torch": float(torch.rand(1).item()),
        "pid": os.getpid(),
    }


def use_gpu(model_cls: Callable[[], Any], mine: Path, theirs: Path) -> float:
    """Trains nothing on the only GPU that there is to be seen, at the same time as another trial."""
    assert torch.cuda.device_count() == 1
    total = float(model_cls().to("cuda")(torch.ones(1, 2, device="cuda")).sum().item())
    meet(model_cls, mine, theirs)
    return float(total == total)


def see_devices(model_cls: Callable[[], Any], seconds: float = 0.0) -> dict[str, float]:
    """The only GPU that the trial sees, by its number."""
    time.sleep(seconds)
    return {"default": float(os.environ["CUDA_VISIBLE_DEVICES"])}
