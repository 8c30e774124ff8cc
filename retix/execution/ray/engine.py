"""The engine that runs trials on the nodes of a Ray cluster."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from retix.errors import ConfigError, ExecutionError
from retix.execution.engine import Engine
from retix.execution.ray.cluster import Cluster
from retix.execution.ray.demand import Demand, read_demand
from retix.execution.ray.host import Host
from retix.execution.ray.link import Link
from retix.execution.ray.marks import Marks
from retix.execution.ray.message import Task
from retix.execution.ray.slot import Slot
from retix.execution.ray.surroundings import describe_surroundings
from retix.execution.ray.visit import local_folder
from retix.trial import Event, Job, Verdict

_LOOK = 1.0  # seconds between two looks at whether hosts still show signs of life
_GOODBYE = 10.0  # seconds that hosts get to end what they started, before they are ended themselves


class RayEngine(Engine):
    """Trials on the nodes of a Ray cluster: an actor per slot, each of which hosts a `LocalEngine` on its node.

    So a trial runs as it does on one machine: in a process of its own, with its limits and its logs, ended with
    everything it started. Actors are made when jobs need them, wherever the cluster has the resources, and are kept. If
    one dies, or its node does, its trial fails as `FailureKind.WORKER_LOST`, and the next job gets another actor.

    Modules of the user's are found on a node where the driver's ``sys.path`` has them, if the node has these folders
    too, and by ``runtime_env``; what is defined in the script itself is sent. A node that shares the job's folder with
    the driver writes to it. Any other works in a temporary folder of its own, and the trial's files are sent to the
    driver before the trial's last event is given; those of a cancelled trial, or of a node that died, are lost.

    Args:
        concurrency: How many trials run at a time.
        address: The cluster, as ``ray.init`` takes it. None uses the connection that this process has, which is not
            ended with the engine; else the cluster that the variable ``RAY_ADDRESS`` names; else a cluster is started
            on this machine, which ends with the engine.
        resources: What each trial takes of its node, by Ray's names: ``CPU`` (by default ``threads``), ``memory`` in
            bytes, and the cluster's own.
        gpus_per_trial: How many GPUs each trial takes; a fraction below 1 shares one.
        trials_per_gpu: How many trials share each GPU, if trials take one.
        runtime_env: What Ray brings to the nodes, such as ``{"working_dir": "."}`` for the user's modules.
        threads: How many CPU threads torch, and the libraries beneath numpy, may use in each worker.
        isolation: ``'warm'`` keeps workers for the next trial, ``'fresh'`` gives each trial a new process.
        recycle_after: After how many trials a worker is replaced, or None.
        frozen_after: Seconds without a sign of life after which a worker, or an actor, counts as lost.
        shared_directory: Whether nodes see the driver's folders. None finds out for each; False keeps nodes on their
            own disks, which may be faster.

    Raises:
        UnavailableError: Ray is not installed.
        ConfigError: A number has no meaning, or a runtime environment cannot be used with the connection there is.
        ExecutionError: The cluster cannot be reached.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        address: str | None = None,
        resources: Mapping[str, float] | None = None,
        gpus_per_trial: float = 0,
        trials_per_gpu: int = 1,
        runtime_env: Mapping[str, Any] | None = None,
        threads: int = 1,
        isolation: Literal["warm", "fresh"] = "warm",
        recycle_after: int | None = None,
        frozen_after: float = 60.0,
        shared_directory: bool | None = None,
    ):
        _check_number("concurrency", concurrency)
        _check_number("threads", threads)
        _check_number("recycle_after", 1 if recycle_after is None else recycle_after)
        if isolation not in ("warm", "fresh"):
            raise ConfigError(f"isolation is {isolation!r}", fix="choose 'warm' or 'fresh'")
        if not frozen_after > 0:
            raise ConfigError(f"frozen_after is {frozen_after}", fix="choose a number of seconds, such as 60")
        self._demand = read_demand(resources, gpus_per_trial, trials_per_gpu, threads)
        self._settings = {
            "gpus_per_trial": self._demand.devices,
            "threads": threads,
            "isolation": isolation,
            "recycle_after": recycle_after,
            "frozen_after": frozen_after,
        }
        self._frozen_after = frozen_after
        self._marks = Marks(shared_directory)
        self._cluster = Cluster(address, runtime_env, concurrency, self._demand)
        self._host = _make_actor_class(self._cluster, self._demand)
        self._surroundings = describe_surroundings()
        self._capacity = concurrency
        self._tickets = 0
        self._slots: list[Slot] = []
        self._pending: list[Event] = []
        self._finalizer = weakref.finalize(self, _end, self._cluster, self._slots, self._marks, os.getpid())

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def free(self) -> int:
        return max(0, self._capacity - self._busy)

    def submit(self, job: Job) -> None:
        if not self.free:
            raise ExecutionError(
                f"no slot is free for trial {job.trial}: {self.capacity} in all",
                fix="collect events() until `free` is not 0"
                if self._capacity
                else "make a new engine; this one is closed",
            )
        if any(slot.trial == job.trial for slot in self._slots):
            raise ExecutionError(f"trial {job.trial} is running already", fix="give every job its own trial")
        try:
            checkpoint = None if job.checkpoint is None else job.checkpoint.absolute()
            task = self._make_task(replace(job, directory=job.directory.absolute(), checkpoint=checkpoint))
        except OSError as error:
            raise ExecutionError(
                f"the directory of trial {job.trial} cannot be made: {error}", fix="choose a folder that can be written"
            ) from error
        self._find_slot().submit(task)

    def events(self, timeout: float | None = None) -> list[Event]:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            self._collect()
            if self._pending:
                events, self._pending = self._pending, []
                return events
            if end is None and not self._busy:
                raise ExecutionError("no trial is running, so no event can come", fix="submit a job first")
            remaining = _LOOK if end is None else min(_LOOK, end - time.monotonic())
            if remaining <= 0:
                return []
            self._wait(remaining)

    def cancel(self, trial: int) -> None:
        for slot in self._slots:
            if slot.trial == trial:
                self._pending += slot.cancel()
        self._retire()

    def answer(self, trial: int, verdict: Verdict) -> None:
        for slot in self._slots:
            if slot.trial == trial:
                slot.answer(verdict)

    def resize(self, capacity: int) -> None:
        if not self._capacity:
            raise ExecutionError("a closed engine has no slots to change", fix="make a new engine")
        _check_number("capacity", capacity)
        self._capacity = capacity
        self._retire()

    def waits(self) -> Mapping[int, str]:
        words = {slot.trial: slot.describe_wait(self._describe_want) for slot in self._slots}
        return {trial: word for trial, word in words.items() if trial is not None and word is not None}

    def close(self) -> None:
        self._finalizer()
        self._capacity = 0
        self._pending = []

    @property
    def _busy(self) -> int:
        return sum(slot.trial is not None for slot in self._slots)

    def _make_task(self, job: Job) -> Task:
        job.directory.mkdir(parents=True, exist_ok=True)
        self._tickets += 1
        address = job.weights or (job.inheritance and job.inheritance.weights)
        weights = local_folder(address.url) if address else None
        return Task(
            self._tickets,
            job,
            self._marks.mark(job.directory.parent),
            None if weights is None else self._marks.mark(weights),
        )

    def _find_slot(self) -> Slot:
        """An idle slot, if possible one whose host has come up; a new one if there is none."""
        idle = [slot for slot in self._slots if slot.trial is None]
        if not idle:
            idle = [Slot(self._cluster.ray, self._make_link)]
            self._slots += idle
        return max(idle, key=lambda slot: slot.is_warm)

    def _make_link(self) -> Link:
        actor = self._host.remote(self._surroundings, self._settings)
        return Link(self._cluster.ray, actor, self._frozen_after)

    def _collect(self) -> None:
        refs = [ref for slot in self._slots for ref in slot.refs]
        ready = set(self._cluster.ray.wait(refs, num_returns=len(refs), timeout=0)[0]) if refs else set()
        for slot in self._slots:
            self._pending += slot.collect(ready)
        self._retire()
        # Where the cluster has no room for more hosts, a job must not wait for one of its own while another is idle.
        waiting = [slot for slot in self._slots if slot.is_waiting]
        idle = [slot for slot in self._slots if slot.trial is None and slot.is_warm]
        for slot, other in zip(idle, waiting, strict=False):
            slot.take_over(other)

    def _wait(self, seconds: float) -> None:
        """Wait until a host says something or dies."""
        refs = [ref for slot in self._slots for ref in slot.refs]
        if refs:
            self._cluster.ray.wait(refs, num_returns=1, timeout=seconds)
        else:
            time.sleep(seconds)

    def _retire(self) -> None:
        """Let go of idle slots that are too many."""
        for slot in [slot for slot in self._slots if slot.trial is None][: len(self._slots) - self._capacity]:
            slot.drop()
            self._slots.remove(slot)

    def _describe_want(self) -> str:
        return self._cluster.describe_want(self._demand)


def _make_actor_class(cluster: Cluster, demand: Demand) -> Any:
    return cluster.ray.remote(
        max_restarts=0,
        max_task_retries=0,
        concurrency_groups={"control": 2},
        scheduling_strategy="SPREAD",
        runtime_env=cluster.runtime_env,
        **demand.to_options(),
    )(Host)


def _end(cluster: Cluster, slots: list[Slot], marks: Marks, driver: int) -> None:
    """End what the hosts started, the hosts, and the connection if it was made for them."""
    # A child that the driver forked ends too, and the hosts are not its own.
    if os.getpid() != driver or not cluster.ray.is_initialized():
        return
    left = [ref for ref in (slot.leave() for slot in slots) if ref is not None]
    if left:
        cluster.ray.wait(left, num_returns=len(left), timeout=_GOODBYE)
    for slot in slots:
        slot.drop()
    slots.clear()
    marks.remove()
    cluster.close()


def _check_number(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} is {value}", fix="choose 1 or more")
