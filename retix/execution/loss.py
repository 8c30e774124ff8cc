"""What the loss of a worker means for the trial that it ran, and what a trial's failure means for its worker."""

from __future__ import annotations

import signal

from retix.execution.message import Cause, Ended
from retix.execution.streams import read_last_words
from retix.trial import Failure, FailureKind, Job


def describe_loss(job: Job, ended: Ended | None) -> Failure:
    """The failure of a trial whose worker has ended under it.

    Args:
        job: What was running.
        ended: What the keeper said; None if the keeper was lost too.
    """
    if ended is None:
        return _lose(job, "the process that minds its worker was killed, or did not answer any more")
    if ended.cause is Cause.DIED:
        return _describe_death(job, ended)
    if ended.trial == job.trial:
        match ended.cause:
            case Cause.TIME:
                return _describe_timeout(job, ended)
            case Cause.MEMORY:
                return _describe_excess(job, ended)
    if ended.cause is Cause.FROZEN:
        how = "was stopped by a signal" if ended.is_stopped else "gave no sign of life and used no CPU time"
        return _lose(job, f"its worker {how} for {ended.silence:.0f} s")
    return _lose(job, "its worker was ended for what had run before")


def describe_no_start(job: Job, reason: str, words: str = "") -> Failure:
    """The failure of a trial that no worker could take.

    Args:
        job: What was to run.
        reason: Why, if it is known.
        words: The traceback that the last worker left.
    """
    last = words.strip().splitlines()[-1] if words.strip() else ""
    detail = reason or (f"the last one ended with: {last}" if last else "they ended as they started")
    message = f"no worker came up for trial {job.trial}: {detail}"
    return Failure(FailureKind.WORKER_LOST, message[:500], traceback=words)


def is_process_spoiled(failure: Failure) -> bool:
    """Whether later trials in the same process may suffer from this failure.

    Memory that ran out may stay taken, and a CUDA context that saw an illegal access refuses everything after it.
    """
    return failure.kind is FailureKind.OUT_OF_MEMORY or "CUDA error" in failure.traceback


def describe_exit(status: int | None) -> str:
    """How a process ended, in words, from its exit status; None where nobody knows it."""
    if status is None:
        return "ended"
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"


def say_bytes(size: float) -> str:
    """A number of bytes as people say it: ``2.1 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _lose(job: Job, how: str) -> Failure:
    message = f"the worker of trial {job.trial} was lost: {how}; its output is in {job.directory}"
    return Failure(FailureKind.WORKER_LOST, message, traceback=read_last_words(job.directory))


def _describe_death(job: Job, ended: Ended) -> Failure:
    hint = ""
    if ended.has_memory_run_out:
        hint = ": the system killed a process at that time because memory ran out"
    elif ended.status == -9:
        hint = ", as the system does when memory runs out"
    message = f"the worker process {describe_exit(ended.status)}{hint} while it ran trial {job.trial}; "
    return Failure(FailureKind.KILLED, message + f"see {job.directory}", traceback=read_last_words(job.directory))


def _describe_timeout(job: Job, ended: Ended) -> Failure:
    message = (
        f"trial {job.trial} was ended after its time limit of {job.time_limit:g} s: "
        "raise the limit, or train for fewer epochs"
    )
    return Failure(FailureKind.TIMEOUT, message, traceback=ended.stacks)


def _describe_excess(job: Job, ended: Ended) -> Failure:
    who = f"{ended.processes} processes" if ended.processes > 1 else "its process"
    message = (
        f"trial {job.trial} was ended because {who} had taken {say_bytes(ended.memory)} of memory, more than its limit "
        f"of {say_bytes(job.memory_limit or 0)}: raise the limit, or train a smaller model or batch"
    )
    return Failure(FailureKind.OUT_OF_MEMORY, message)
