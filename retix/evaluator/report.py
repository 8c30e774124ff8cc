"""How the code that trains a model tells what came out, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from retix.trial import Verdict, read_metric


class TrialEnded(BaseException):
    """Early stopping has ended the trial that reports; raised by `report_intermediate_result`.

    It is no `Exception`, so that a trial's own ``except Exception`` does not keep it alive. Code that holds something
    open may let go of it in a ``finally`` block, and needs to do nothing else.

    Args:
        verdict: ``STOP`` or ``PAUSE``.

    Attributes:
        verdict: As given.
    """

    def __init__(self, verdict: Verdict):
        super().__init__(f"early stopping said {verdict}")
        self.verdict = verdict


class Reporter(Protocol):
    """Who listens to one evaluation."""

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        """Take a result on the way, such as one per epoch.

        Args:
            metrics: Names and numbers; holds ``default``.

        Returns:
            True to go on, False to please stop early.

        Raises:
            TrialEnded: The trial ends here.
        """

    def final(self, metrics: Mapping[str, float]) -> None:
        """Take the result of the evaluation.

        Args:
            metrics: Names and numbers; holds ``default``.
        """


class PrintingReporter:
    """Prints one line per result: what listens when nobody else does."""

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        print(f"intermediate result: {_line(metrics)}", flush=True)
        return True

    def final(self, metrics: Mapping[str, float]) -> None:
        print(f"final result: {_line(metrics)}", flush=True)


class RememberingReporter:
    """Passes every result on to another reporter, and remembers what the caller needs afterwards.

    Attributes:
        intermediates: How many intermediate results came by.
        result: The last final result, or None.
        stopped: Whether the other reporter asked to stop early.
    """

    def __init__(self, listener: Reporter):
        self.intermediates = 0
        self.result: Mapping[str, float] | None = None
        self.stopped = False
        self._listener = listener

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        self.intermediates += 1
        go_on = self._listener.intermediate(metrics)
        self.stopped = self.stopped or not go_on
        return go_on

    def final(self, metrics: Mapping[str, float]) -> None:
        self._listener.final(metrics)
        self.result = metrics


# The one piece of ambient state: `report_final_result(0.9)`, as NNI's users type it, has no handle to a reporter.
_reporter: ContextVar[Reporter | None] = ContextVar("retix_reporter", default=None)


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Send what is reported inside the ``with`` block, in this thread, to ``reporter``."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def current_reporter() -> Reporter:
    """Who listens here; outside any `reporting`, one who prints."""
    return _reporter.get() or PrintingReporter()


def report_intermediate_result(metric: Any) -> bool:
    """Report a result on the way; outside a trial it is printed.

    Args:
        metric: A number, or a dict of numbers that holds ``default``.

    Returns:
        True to go on; False if the trial is better ended early.

    Raises:
        EvaluationError: It is neither.
        TrialEnded: Early stopping ends or pauses the trial; it is meant to run through the code that trains.
    """
    return current_reporter().intermediate(read_metric(metric))


def report_final_result(metric: Any) -> None:
    """Report the result of the trial; outside a trial it is printed.

    Args:
        metric: A number, or a dict of numbers that holds ``default``.

    Raises:
        EvaluationError: It is neither.
    """
    current_reporter().final(read_metric(metric))


def _line(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:.6g}" for name, value in metrics.items())
