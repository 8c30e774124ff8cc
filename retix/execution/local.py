"""The engine that runs trials in warm worker processes on this machine."""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

import torch

from retix.errors import ConfigError, ExecutionError
from retix.execution.devices import VISIBLE, assign_devices, list_visible_devices
from retix.execution.engine import Engine
from retix.execution.message import Welcome
from retix.execution.slot import Slot
from retix.trial import Event, Job


class LocalEngine(Engine):
    """A pool of worker processes, each of which imports torch and Lightning once and then runs trial after trial.

    A worker is started when a job needs it and kept until the engine closes; one that dies, is cancelled, runs out of
    time or out of memory is killed with everything it started, and replaced when the next job comes. Workers see the
    driver's ``sys.path``, arguments and working directory as they were when the engine was made, and write what they
    print to ``stdout.log`` and ``stderr.log`` in the job's directory. However the driver ends, its workers end too;
    only a process that leaves its worker's process group stays.

    Args:
        concurrency: How many trials run at a time.
        gpus_per_trial: How many GPUs each trial has to itself. With 0, trials see no GPU but those of ``gpu_indices``,
            which they share.
        gpu_indices: The GPUs to use, counted among those that ``CUDA_VISIBLE_DEVICES`` leaves visible.
        threads: How many CPU threads torch, and the libraries beneath numpy, may use in each worker.

    Raises:
        ConfigError: A number is too small, or there are fewer GPUs than needed.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        gpus_per_trial: int = 0,
        gpu_indices: Sequence[int] | None = None,
        threads: int = 1,
    ):
        for name, value, least in (
            ("concurrency", concurrency, 1),
            ("gpus_per_trial", gpus_per_trial, 0),
            ("threads", threads, 1),
        ):
            if value < least:
                raise ConfigError(f"{name} is {value}", fix=f"choose {least} or more")
        environment = {**os.environ, **_limit_threads(threads)}
        needs_devices = gpus_per_trial > 0 or gpu_indices is not None
        visible = list_visible_devices(os.environ, torch.cuda.device_count) if needs_devices else []
        welcome = _describe_driver(threads)
        self._slots = [
            Slot({**environment, VISIBLE: devices}, welcome)
            for devices in assign_devices(visible, concurrency, gpus_per_trial, gpu_indices)
        ]
        self._pending: list[Event] = []
        self._finalizer = weakref.finalize(self, _end_workers, self._slots, os.getpid())

    @property
    def capacity(self) -> int:
        return len(self._slots)

    @property
    def free(self) -> int:
        return sum(slot.job is None for slot in self._slots)

    def submit(self, job: Job) -> None:
        idle = sorted((slot for slot in self._slots if slot.job is None), key=lambda slot: not slot.is_warm)
        if not idle:
            raise ExecutionError(
                f"no slot is free for trial {job.trial}: {self.capacity} in all",
                fix="collect events() until `free` is not 0"
                if self._slots
                else "make a new engine; this one is closed",
            )
        if any(other.job is not None and other.job.trial == job.trial for other in self._slots):
            raise ExecutionError(f"trial {job.trial} is running already", fix="give every job its own trial")
        directory = job.directory.absolute()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExecutionError(
                f"the directory of trial {job.trial} cannot be made: {error}", fix="choose a folder that can be written"
            ) from error
        idle[0].submit(replace(job, directory=directory))

    def events(self, timeout: float | None = None) -> list[Event]:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            for slot in self._slots:
                self._pending += slot.collect()
                self._pending += slot.expire()
            if self._pending:
                events, self._pending = self._pending, []
                return events
            if end is None and self.free == self.capacity:
                raise ExecutionError("no trial is running, so no event can come", fix="submit a job first")
            if end is not None and time.monotonic() >= end:
                return []
            self._wait(end)

    def cancel(self, trial: int) -> None:
        for slot in self._slots:
            if slot.job is not None and slot.job.trial == trial:
                self._pending += slot.cancel()

    def close(self) -> None:
        self._finalizer()
        self._slots = []
        self._pending = []

    def _wait(self, end: float | None) -> None:
        """Wait until a worker says something or dies, or until the next time limit or ``end``."""
        moments = [slot.deadline for slot in self._slots if slot.deadline is not None]
        moments += [] if end is None else [end]
        remaining = max(0.0, min(moments) - time.monotonic()) if moments else None
        wait([waitable for slot in self._slots for waitable in slot.waitables], remaining)


def _end_workers(slots: Sequence[Slot], driver: int) -> None:
    # A child that the driver forked ends too, and the workers are not its own.
    if os.getpid() == driver:
        for slot in slots:
            slot.close()


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
