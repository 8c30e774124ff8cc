"""The worker process: ``python -m retix.execution.worker <connection> <lifeline>``, started by `LocalEngine`.

It imports torch and Lightning once, and then runs one trial after another.
"""

from __future__ import annotations

import faulthandler
import gc
import io
import os
import sys
import threading
import time
from multiprocessing.connection import Connection

import pytorch_lightning  # noqa: F401  # imported for the trials, which all need it, before the first one comes
import torch

from retix.execution.liveness import watch_driver
from retix.execution.message import Ready, Welcome
from retix.execution.runner import run_job
from retix.execution.streams import flush_streams, redirect_streams
from retix.trial import Event, Job, Started


class Worker:
    """Runs the jobs that come through a connection.

    Args:
        connection: The way to the driver.
    """

    def __init__(self, connection: Connection):
        self._connection = connection
        self._process = os.getpid()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Run jobs until the driver closes the connection."""
        try:
            welcome: Welcome = self._connection.recv()
            self._settle(welcome)
            self._send(Ready())
            while True:
                self._run(self._connection.recv(), welcome)
        except EOFError:
            return

    def _settle(self, welcome: Welcome) -> None:
        os.environ.pop("PYTHONPATH", None)
        if welcome.python_path is not None:
            os.environ["PYTHONPATH"] = welcome.python_path
        torch.set_num_threads(welcome.threads)
        faulthandler.enable()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True)  # a killed trial keeps its log
        # What is imported stays: without this, collecting garbage after every trial would walk through all of torch.
        gc.collect()
        gc.freeze()

    def _run(self, job: Job, welcome: Welcome) -> None:
        # Set again for every trial, because a trial may have changed them.
        sys.path[:] = welcome.path
        sys.argv[:] = welcome.arguments
        os.chdir(welcome.directory)
        redirect_streams(job.directory)
        self._send(Started(job.trial, f"local:{self._process}", time.time()))
        outcome = run_job(job, self._send)
        if os.getpid() != self._process:
            os._exit(1)  # a child that the trial forked came back from the user's code; the connection is not its own
        flush_streams()
        self._send(outcome)
        # Trainers and models refer to each other; their memory is needed by the next trial.
        gc.collect()

    def _send(self, message: Event | Ready) -> None:
        # A trial may report from threads, or from a child that it forked.
        with self._lock:
            if os.getpid() == self._process:
                self._connection.send(message)


if __name__ == "__main__":
    watch_driver(int(sys.argv[2]))
    Worker(Connection(int(sys.argv[1]))).serve()
