"""The engine that runs trials in worker processes on this machine."""

from __future__ import annotations

import importlib
import os
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal

from retix.errors import ConfigError, ExecutionError
from retix.execution.devices import DevicePool, list_visible_devices
from retix.execution.engine import Engine
from retix.execution.fork_launcher import ForkLauncher, check_fork
from retix.execution.launcher import Launcher
from retix.execution.message import Care, Welcome
from retix.execution.slot import Slot, SlotSettings
from retix.execution.spawn_launcher import SpawnLauncher
from retix.trial import Event, Job, Verdict

# Seconds between two looks at what gives no sign when it happens.
_SHORT = 0.01


class LocalEngine(Engine):
    """Worker processes, each with a keeper that holds its trials to their limits and leaves nothing of them behind.

    On Linux a fork server imports torch and Lightning once, beginning when the engine is made, and forks workers
    within some 20 ms. Elsewhere each worker is a new process that imports them by itself (see `SpawnLauncher` for
    what is tested). A worker that dies, freezes, is cancelled, or ran out of time or memory is replaced. Workers see
    the driver's ``sys.path``, arguments and working directory as they were when the engine was made, and write what
    they print to ``stdout.log`` and ``stderr.log`` in the job's directory.

    A keeper ends its worker with everything that the worker started: also processes that went to a session of their
    own, where orphans can be adopted (Linux). It does so when the trial passes its limit of time or memory, when the
    worker is frozen, when the trial is over in a worker that is not kept, and when the driver is gone, however it went.
    A keeper or fork server that is killed or stopped is noticed and replaced too.

    Limits of time, memory and logs are kept by the keepers, whatever the driver does meanwhile. The memory of a trial
    is that of its worker and all below it; the worker itself has some 400 MB resident once torch and Lightning are
    imported, most of which it shares with the fork server.

    Args:
        concurrency: How many trials run at a time.
        gpus_per_trial: How many GPUs each trial has to itself; a fraction shares one GPU between so many trials. With
            0, trials see no GPU but those of ``gpu_indices``, which they share.
        trials_per_gpu: How many trials may use one GPU at the same time.
        gpu_indices: The GPUs to use, counted among those that ``CUDA_VISIBLE_DEVICES`` leaves visible.
        threads: How many CPU threads torch, and the libraries beneath numpy, may use in each worker.
        isolation: ``warm``: a worker runs one trial after another. ``fresh``: each trial has a process of its own, for
            code that leaks state; the next one is started while a trial runs.
        recycle_after: How many trials a warm worker runs before it is replaced; None for no limit.
        start_method: ``fork`` or ``spawn``; None takes what is best here.
        frozen_after: Seconds after which a process that neither gives a sign of life nor uses CPU time is ended.

    Raises:
        ConfigError: A number is too small, a word is unknown, or there are fewer GPUs than needed.
        ExecutionError: The fork server cannot be started, or ``fork`` is asked for where there is none.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        gpus_per_trial: float = 0,
        trials_per_gpu: int = 1,
        gpu_indices: Sequence[int] | None = None,
        threads: int = 1,
        isolation: Literal["warm", "fresh"] = "warm",
        recycle_after: int | None = None,
        start_method: Literal["fork", "spawn"] | None = None,
        frozen_after: float = 60.0,
    ):
        _check_least(concurrency=concurrency, threads=threads, recycle_after=recycle_after)
        _check_word("isolation", isolation, ("warm", "fresh"))
        _check_word("start_method", start_method, ("fork", "spawn", None))
        if not frozen_after > 0:
            raise ConfigError(f"frozen_after is {frozen_after}", fix="choose a number of seconds, such as 60")
        needs_devices = gpus_per_trial > 0 or gpu_indices is not None
        visible = list_visible_devices(os.environ, _count_devices) if needs_devices else []
        self._devices = DevicePool(visible, gpus_per_trial, trials_per_gpu, gpu_indices)
        self._devices.check(concurrency)
        care = Care(os.getpid(), frozen_after)
        forks = start_method == "fork" or (start_method is None and sys.platform == "linux")
        self._settings = SlotSettings(
            jobs_per_worker=1 if isolation == "fresh" else recycle_after,
            beat=care.beat,
            frozen_after=frozen_after,
            waits_for_devices=self._devices.counts,
            starts_ahead=forks,
        )
        self._slots: list[Slot] = []
        self._pending: list[Event] = []
        environment = {**os.environ, **_limit_threads(threads)}
        self._launcher = self._make_launcher(forks, environment, _describe_driver(threads), care)
        self._finalizer = weakref.finalize(self, _end_workers, self._launcher, self._slots, os.getpid())
        self.resize(concurrency)

    @property
    def capacity(self) -> int:
        return sum(not slot.is_retiring for slot in self._slots)

    @property
    def free(self) -> int:
        return len(self._idle())

    def submit(self, job: Job) -> None:
        self._require_open()
        idle = sorted(self._idle(), key=lambda slot: not slot.is_warm)
        if not idle:
            raise ExecutionError(
                f"no slot is free for trial {job.trial}: {self.capacity} in all",
                fix="collect events() until `free` is not 0",
            )
        if any(slot.job is not None and slot.job.trial == job.trial for slot in self._slots):
            raise ExecutionError(f"trial {job.trial} is running already", fix="give every job its own trial")
        directory = job.directory.absolute()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExecutionError(
                f"the directory of trial {job.trial} cannot be made: {error}", fix="choose a folder that can be written"
            ) from error
        checkpoint = None if job.checkpoint is None else job.checkpoint.absolute()
        idle[0].submit(replace(job, directory=directory, checkpoint=checkpoint))

    def events(self, timeout: float | None = None) -> list[Event]:
        end = None if timeout is None else time.monotonic() + timeout
        remaining = 0.0
        while True:
            ready = set(wait(self._waitables(), remaining))
            self._turn(ready)
            if self._pending:
                events, self._pending = self._pending, []
                return events
            now = time.monotonic()
            if end is None and all(slot.job is None for slot in self._slots):
                raise ExecutionError("no trial is running, so no event can come", fix="submit a job first")
            if end is not None and now >= end:
                return []
            period = _SHORT if any(slot.is_held_up for slot in self._slots) else self._settings.beat
            remaining = period if end is None else min(period, end - now)

    def cancel(self, trial: int) -> None:
        for slot in self._slots:
            if slot.job is not None and slot.job.trial == trial:
                self._pending += slot.cancel()

    def answer(self, trial: int, verdict: Verdict) -> None:
        for slot in self._slots:
            if slot.job is not None and slot.job.trial == trial:
                slot.answer(verdict)

    def resize(self, capacity: int) -> None:
        self._require_open()
        _check_least(capacity=capacity)
        self._devices.check(capacity)
        # Slots whose trials run stay first, so that what was to go comes back where there is room again.
        keep = sorted(self._slots, key=lambda slot: slot.job is None)[:capacity]
        for slot in self._slots:
            slot.is_retiring = slot not in keep
            if slot.is_retiring and slot.job is None:
                slot.retire()
        while self.capacity < capacity:
            devices = self._devices.take()
            if devices is None:
                raise ExecutionError("the GPUs are in use", fix="try again when a trial has ended")
            self._slots.append(Slot(self._launcher, devices, self._settings))

    def waits(self) -> Mapping[int, str]:
        words = {slot.job.trial: slot.describe_wait() for slot in self._slots if slot.job is not None}
        return {trial: wait for trial, wait in words.items() if wait is not None}

    def close(self) -> None:
        self._finalizer()
        self._slots.clear()
        self._pending = []

    def _make_launcher(self, forks: bool, environment: Mapping[str, str], welcome: Welcome, care: Care) -> Launcher:
        if not forks:
            return SpawnLauncher(environment, welcome, care)
        check_fork()
        return ForkLauncher(environment, welcome, care)

    def _idle(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.job is None and not slot.is_retiring]

    def _require_open(self) -> None:
        if not self._finalizer.alive:
            raise ExecutionError("the engine is closed", fix="make a new engine")

    def _waitables(self) -> list[Any]:
        if not self._finalizer.alive:
            return []
        return [*self._launcher.waitables, *(thing for slot in self._slots for thing in slot.waitables)]

    def _turn(self, ready: set[Any]) -> None:
        if not self._finalizer.alive:
            return
        self._launcher.collect()
        for slot in list(self._slots):
            self._pending += slot.turn(ready)
            if slot.is_retiring and slot.job is None:
                slot.retire()
                if slot.is_empty:
                    self._slots.remove(slot)
                    self._devices.give_back(slot.devices)


def _count_devices() -> int:
    # Imported only where it is asked: the engines on the nodes of a cluster are many, and none of them runs models.
    return int(importlib.import_module("torch").cuda.device_count())


def _end_workers(launcher: Launcher, slots: Sequence[Slot], driver: int) -> None:
    # A child that the driver forked ends too, and the workers are not its own.
    if os.getpid() == driver:
        launcher.close([worker for slot in slots for worker in slot.workers])


def _check_least(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}", fix="choose 1 or more")


def _check_word(name: str, word: str | None, known: Sequence[str | None]) -> None:
    if word not in known:
        words = " or ".join(repr(each) for each in known)
        raise ConfigError(f"{name} is {word!r}", fix=f"choose {words}")


def _limit_threads(threads: int) -> Mapping[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


def _describe_driver(threads: int) -> Welcome:
    directory = Path.cwd()
    return Welcome(
        path=tuple(str(directory / entry) for entry in sys.path),
        arguments=tuple(sys.argv),
        directory=directory,
        python_path=os.environ.get("PYTHONPATH"),
        threads=threads,
    )
