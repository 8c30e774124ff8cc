"""The keeper: a small process that minds one worker, ends it when it must, and leaves nothing of it behind.

``python -m retix.execution.keeper <driver> <worker> <lifeline>`` starts one with a new worker, where there is no fork
server. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

from retix.execution.handover import hand_over, take_over
from retix.execution.kernel import adopt_orphans, count_memory_kills, open_process
from retix.execution.log_file import trim_logs
from retix.execution.message import Beat, Beginning, Care, Cause, End, Ended, Over
from retix.execution.process_tree import ProcessTree, is_stopped, measure_time, reap_orphans
from retix.execution.streams import ERROR_FILE, read_end

# Seconds between two looks at a trial's memory, at its logs, and at a worker whose death nothing tells of.
_MEMORY_PERIOD = 0.1
_LOG_PERIOD = 0.5
_PLAIN_PERIOD = 0.05

# Seconds for a worker to write down what it is doing.
_STACKS_PATIENCE = 0.5


class Keeper:
    """Minds one worker until it ends or must end.

    Args:
        driver: The connection to the driver; when it closes, the worker ends.
        worker: The worker's process id; a child of this process and the leader of a session.
        heart: What the worker's `Heart` tells.
        care: How to mind it.
        reap: Waits for the worker, which has ended, and gives its exit status.
    """

    def __init__(self, driver: Connection, worker: int, heart: Connection, care: Care, reap: Callable[[], int | None]):
        self._driver = driver
        self._worker = worker
        self._heart: Connection | None = heart
        self._care = care
        self._reap = reap
        self._tree = ProcessTree(worker, care.is_plain)
        self._worker_end = None if care.is_plain else open_process(worker)
        self._driver_end = None if care.is_plain else open_process(care.driver)
        self._job: Beginning | None = None
        self._begin = 0.0
        self._next_look = 0.0
        self._memory_kills = 0
        self._turn = self._sign = time.monotonic()
        self._time_used = 0.0

    def run(self) -> None:
        """Mind the worker to its end, and tell the driver what it was."""
        ended = None
        while ended is None:
            ready = wait(self._waitables(), self._period())
            self._notice_a_gap()
            ended = self._listen(ready) or self._check()
            reap_orphans(self._worker)
        self._finish(ended)

    def _waitables(self) -> list[Any]:
        watched = (self._driver, self._heart, self._worker_end, self._driver_end)
        return [thing for thing in watched if thing is not None]

    def _period(self) -> float:
        periods = [self._care.beat]
        if self._worker_end is None:
            periods.append(_PLAIN_PERIOD)
        if self._job is not None:
            periods += [_MEMORY_PERIOD] if self._job.memory_limit is not None else []
            periods += [_LOG_PERIOD] if self._job.log_limit is not None else []
            if self._job.time_limit is not None:
                periods.append(max(0.0, self._begin + self._job.time_limit - time.monotonic()))
        return min(periods)

    def _notice_a_gap(self) -> None:
        """Count no silence of a time in which this process was stopped, or the machine asleep."""
        now = time.monotonic()
        if now - self._turn > 4 * self._care.beat + 1:
            self._sign = now
        self._turn = now

    # -- listening ----------------------------------------------------------------------------------------------

    def _listen(self, ready: list[Any]) -> Ended | None:
        if self._driver in ready and not self._hear_driver():
            return Ended(Cause.ASKED)
        if self._driver_end in ready and self._driver_end is not None:
            return Ended(Cause.ASKED)
        self._hear_worker()
        if self._has_worker_ended(ready):
            return self._describe_death()
        return None

    def _hear_driver(self) -> bool:
        """Answer what the driver asks; False when the worker is to end."""
        try:
            while self._driver.poll():
                if isinstance(self._driver.recv(), End):
                    return False
                self._driver.send(Beat())
        except (EOFError, OSError):
            return False
        return True

    def _hear_worker(self) -> None:
        try:
            while self._heart is not None and self._heart.poll():
                message = self._heart.recv()
                self._sign = time.monotonic()
                if isinstance(message, Beginning):
                    self._job = message
                    self._begin = self._sign
                    self._memory_kills = count_memory_kills()
                elif isinstance(message, Over):
                    self._job = None
        except (EOFError, OSError):
            self._heart = None

    def _has_worker_ended(self, ready: list[Any]) -> bool:
        if self._worker_end is not None:
            return self._worker_end in ready
        # The worker is not waited for yet: as long as it is a zombie, its group's number is nobody else's.
        try:
            return bool(psutil.Process(self._worker).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
        except psutil.Error:
            return True

    def _describe_death(self) -> Ended:
        has_run_out = self._job is not None and count_memory_kills() > self._memory_kills
        return Ended(Cause.DIED, has_memory_run_out=has_run_out)

    # -- limits -------------------------------------------------------------------------------------------------

    def _check(self) -> Ended | None:
        now = time.monotonic()
        job = self._job
        if job is not None and job.time_limit is not None and now >= self._begin + job.time_limit:
            stacks = self._ask_for_stacks(job)
            self._hear_worker()
            if self._job is job:
                return Ended(Cause.TIME, stacks=stacks)
        if job is not None and now >= self._next_look:
            self._next_look = now + (_MEMORY_PERIOD if job.memory_limit is not None else _LOG_PERIOD) / 2
            if job.log_limit is not None:
                trim_logs(job.directory, job.log_limit)
            if job.memory_limit is not None:
                use = self._tree.measure(job.memory_limit)
                if use.bytes > job.memory_limit:
                    return Ended(Cause.MEMORY, memory=use.bytes, processes=use.processes)
        elif self._care.is_plain and now >= self._next_look:
            self._next_look = now + _LOG_PERIOD
            self._tree.look()  # who is not seen before its parent ends is never found
        return self._check_signs(now)

    def _check_signs(self, now: float) -> Ended | None:
        """Find a worker that neither says nor does anything."""
        if now - self._sign < 2 * self._care.beat:
            return None
        has_stopped = is_stopped(self._worker)
        used = sum(measure_time(process) for process in self._tree.look())
        if used != self._time_used and not has_stopped:
            self._sign = now  # it works, and holds the interpreter's lock meanwhile
        self._time_used = used
        if now - self._sign < self._care.frozen_after:
            return None
        return Ended(Cause.FROZEN, silence=now - self._sign, is_stopped=has_stopped)

    def _ask_for_stacks(self, job: Beginning) -> str:
        """What each thread of the worker is doing, which `faulthandler` writes to the error log when asked."""
        if sys.platform == "win32" or is_stopped(self._worker):
            return ""
        path = job.directory / ERROR_FILE
        try:
            before = path.stat().st_size
            os.kill(self._worker, signal.SIGUSR2)
            end = time.monotonic() + _STACKS_PATIENCE
            size = before
            while time.monotonic() < end and (size == before or path.stat().st_size != size):
                size = path.stat().st_size
                time.sleep(0.02)
            return read_end(path, before)
        except OSError:
            return ""

    # -- the end ------------------------------------------------------------------------------------------------

    def _finish(self, ended: Ended) -> None:
        self._tree.kill()
        job = self._job
        if job is not None and job.log_limit is not None:
            trim_logs(job.directory, job.log_limit)
        last = replace(ended, trial=job.trial if job is not None else None, status=self._reap())
        with contextlib.suppress(OSError):
            self._driver.send(last)


def _spawn(words: list[str]) -> None:
    """Start a worker as a new process, and mind it."""
    driver, connection, lifeline = map(take_over, words)
    care: Care = driver.recv()
    if not care.is_plain:
        adopt_orphans()
    heart, theirs = Pipe(duplex=False)
    handed, options = hand_over(connection, theirs, lifeline)
    plain = ["--plain"] if care.is_plain else []
    command = [sys.executable, "-P", "-m", "retix.execution.worker", *handed, str(care.beat), *plain]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    for mine in (connection, theirs):
        mine.close()

    def reap() -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(10)
        return None

    Keeper(driver, process.pid, heart, care, reap).run()


if __name__ == "__main__":
    _spawn(sys.argv[1:])
