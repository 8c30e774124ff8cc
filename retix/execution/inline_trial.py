"""A trial of the inline engine that waits for answers: it runs in a thread, in turns with the driver's."""

from __future__ import annotations

import contextvars
import ctypes
import queue
import threading

from retix.execution.runner import run_job
from retix.trial import Event, Failed, Finished, Halted, Job, Reported, Verdict

# Seconds between two looks at whether the user has pressed Ctrl-C, where a wait is not interrupted by it.
_PERIOD = 0.2

# Seconds that an interrupted trial gets to end: one that is deep in C code does not hear of it before it comes back.
_PATIENCE = 5.0

# Seconds that a thread may take to begin; Ctrl-C may come before anybody knows whether it will.
_START = 1.0


class InlineTrial:
    """Runs a job in a thread of this process, which runs only while the driver's thread waits for it.

    Args:
        job: What to run; it asks.

    Attributes:
        job: As given.
        is_asking: Whether it waits for an answer.
    """

    def __init__(self, job: Job):
        self.job = job
        self.is_asking = False
        self._is_ending = False
        self._has_begun = threading.Event()
        self._is_over = False
        self._verdict: Verdict | None = None  # an answer that `follow` hands over
        self._said: queue.SimpleQueue[Event | KeyboardInterrupt] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name=f"retix-trial-{job.trial}", daemon=True)

    def follow(self) -> Event:
        """Wait for what it says next: a report, or its end.

        Raises:
            KeyboardInterrupt: The user interrupted it, or this wait; `interrupt` has to follow.
        """
        if self._thread.ident is None:
            self._thread.start()
        if self._verdict is not None:
            verdict, self._verdict = self._verdict, None
            self._answers.put(verdict)
        said = self._hear()
        if isinstance(said, KeyboardInterrupt):
            raise said
        self.is_asking = isinstance(said, Reported)
        return said

    def answer(self, verdict: Verdict) -> None:
        """Let it go on by the next `follow`, if it waits."""
        if self.is_asking:
            self.is_asking = False
            self._verdict = verdict

    def end(self) -> None:
        """Have it end: at its next report, where it is now or comes to; waits for that."""
        self._is_ending = True
        self._answers.put(Verdict.STOP)
        if self._thread.ident is not None:
            self._thread.join()

    def interrupt(self) -> None:
        """Pass Ctrl-C, which Python gives to the driver's thread alone, on to the trial's, unless that is over."""
        self._is_ending = True
        self._answers.put(Verdict.STOP)
        if not self._has_begun.wait(_START):
            return
        if not self._is_over:
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(KeyboardInterrupt))
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        self._has_begun.set()
        try:
            last: Finished | Failed | Halted | KeyboardInterrupt = run_job(self.job, self._said.put, self._ask)
        except KeyboardInterrupt as interrupt:
            last = interrupt
        self._is_over = True
        self._said.put(last)

    def _ask(self) -> Verdict:
        return Verdict.STOP if self._is_ending else self._answers.get()

    def _hear(self) -> Event | KeyboardInterrupt:
        while True:
            is_alive = self._thread.is_alive()
            try:
                return self._said.get(timeout=_PERIOD if is_alive else 0)
            except queue.Empty:
                if not is_alive:
                    return KeyboardInterrupt()  # it was interrupted as it was about to say how it ended
