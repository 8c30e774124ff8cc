"""The worker process: runs one trial after another, with torch and Lightning imported once.

It is forked by the fork server, or started as ``python -m retix.execution.worker`` by a keeper where there is none.
"""

from __future__ import annotations

import faulthandler
import gc
import io
import os
import random
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

import numpy
import pytorch_lightning  # noqa: F401  # imported for the trials, which all need it, before the first one comes
import torch

from retix.execution.handover import take_over
from retix.execution.heart import Heart
from retix.execution.kernel import die_with_parent, offer_to_memory_killer
from retix.execution.liveness import watch_driver
from retix.execution.log_file import trim_logs
from retix.execution.message import Answer, Beginning, Over, Ready, Welcome
from retix.execution.possession import possessing
from retix.execution.runner import run_job
from retix.execution.streams import flush_streams, redirect_streams
from retix.trial import Event, Job, Started, Verdict


class Worker:
    """Runs the jobs that come through a connection.

    Args:
        connection: The way to the driver.
        heart: The way to the keeper.
        welcome: The surroundings of every trial.
    """

    def __init__(self, connection: Connection, heart: Heart, welcome: Welcome):
        self._connection = connection
        self._heart = heart
        self._welcome = welcome
        self._process = os.getpid()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Run jobs until the driver closes the connection."""
        try:
            self._settle()
            self._heart.start()
            self._send(Ready(self._process))
            while True:
                message = self._connection.recv()
                if isinstance(message, Job):  # else an answer that came too late
                    self._run(message)
        except (EOFError, ConnectionResetError, BrokenPipeError):
            return

    def _settle(self) -> None:
        os.environ.pop("PYTHONPATH", None)
        if self._welcome.python_path is not None:
            os.environ["PYTHONPATH"] = self._welcome.python_path
        torch.set_num_threads(self._welcome.threads)
        # Forked workers would all draw the same numbers.
        random.seed()
        numpy.random.seed()
        torch.seed()
        faulthandler.enable()
        if sys.platform != "win32":
            faulthandler.register(signal.SIGUSR2)  # by which a keeper asks what a trial was doing when its time was up
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True)  # a killed trial keeps its log
        offer_to_memory_killer()
        # What is imported stays: without this, collecting garbage after every trial would walk through all of torch.
        gc.collect()
        gc.freeze()

    def _run(self, job: Job) -> None:
        # Set again for every trial, because a trial may have changed them.
        sys.path[:] = self._welcome.path
        sys.argv[:] = self._welcome.arguments
        os.chdir(self._welcome.directory)
        with possessing(job.directory):
            self._evaluate(job)
        # Trainers and models refer to each other; their memory is needed by the next trial.
        gc.collect()

    def _evaluate(self, job: Job) -> None:
        redirect_streams(job.directory, is_new=not job.first_step)
        self._heart.tell(Beginning(job.trial, job.directory, job.time_limit, job.memory_limit, job.log_limit))
        self._send(Started(job.trial, f"local:{self._process}", time.time()))
        outcome = run_job(job, self._send, lambda: self._hear_answer(job.trial))
        if os.getpid() != self._process:
            os._exit(1)  # a child that the trial forked came back from the user's code; the connection is not its own
        flush_streams()
        if job.log_limit is not None:
            trim_logs(job.directory, job.log_limit)
        self._heart.tell(Over())
        self._send(outcome)

    def _hear_answer(self, trial: int) -> Verdict:
        """Wait for the driver's answer to a report.

        Nobody else listens meanwhile: a trial's reports wait for each other, and its end waits for them.
        """
        try:
            while True:
                message = self._connection.recv()
                if isinstance(message, Answer) and message.trial == trial:
                    return message.verdict
        except (EOFError, OSError):
            os._exit(1)  # the driver is gone, and the keeper about to end this process

    def _send(self, message: Event | Ready) -> None:
        # A trial may report from threads, or from a child that it forked, in which the lock may be held for ever.
        if os.getpid() != self._process:
            return
        with self._lock:
            self._connection.send(message)


def _serve(words: list[str]) -> None:
    connection, beats, lifeline = map(take_over, words[:3])
    if "--plain" not in words:
        die_with_parent(os.getppid())
    watch_driver(lifeline.fileno())
    welcome: Welcome = connection.recv()
    Worker(connection, Heart(beats, float(words[3])), welcome).serve()


if __name__ == "__main__":
    _serve(sys.argv[1:])
