"""One fit of one model: what it logs becomes what it reports."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from retix.errors import EvaluationError
from retix.evaluator.framework import Framework
from retix.evaluator.report import RememberingReporter, Reporter, current_reporter, reporting


class FitReporter(RememberingReporter):
    """Listens to a module that reports by itself, and speaks for one that only logs.

    What is reported while Lightning checks that validation works, before the training, is dropped. If whoever listens
    asks to stop, the trainer does after the running epoch.

    Args:
        listener: Who takes the results.
        trainer: The trainer that is about to fit.
        metric: The logged name to compare models by, where ``default`` is not logged.
    """

    def __init__(self, listener: Reporter, trainer: Any, metric: str | None):
        super().__init__(listener)
        self._trainer = trainer
        self._metric = metric
        self._logged = 0

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        if self._trainer.sanity_checking:
            return True
        go_on = super().intermediate(metrics)
        if not go_on:
            self._trainer.should_stop = True
        return go_on

    def report_logged_epoch(self) -> None:
        """Report what the epoch logged, unless the module reports by itself."""
        logged = self._read_logged()
        if logged is not None and self.intermediates == self._logged and not self._trainer.sanity_checking:
            self._logged += 1
            self.intermediate(logged)

    def report_logged_result(self) -> None:
        """Report what the last epoch logged, unless the module has reported a final result by itself.

        Raises:
            EvaluationError: There is nothing to report.
        """
        if self.result is not None:
            return
        logged = self._read_logged()
        if logged is None:
            raise _explain_silence(self._metric, self._trainer.callback_metrics)
        self.final(logged)

    def _read_logged(self) -> dict[str, float] | None:
        metrics = self._trainer.callback_metrics
        default = metrics.get("default", metrics.get(self._metric))
        if default is None:
            return None
        beside = {name: float(value) for name, value in metrics.items() if name.startswith("val_")}
        return {"default": float(default), **beside}


def fit(trainer: Any, module: Any, framework: Framework, *loaders: Any, **fit_kwargs: Any) -> None:
    """Train a module and report what came out.

    Args:
        trainer: A trainer that has not fitted yet.
        module: A module that holds its model.
        framework: The package of both.
        *loaders: The loaders for training and validation.
        **fit_kwargs: Further arguments of ``trainer.fit``.

    Raises:
        EvaluationError: The module neither reported a final result nor logged one.
    """
    reporter = FitReporter(current_reporter(), trainer, getattr(module, "default_metric", None))
    hooks = {"on_validation_end": lambda self, trainer, module: reporter.report_logged_epoch()}
    trainer.callbacks.append(type("ReportLogged", (framework.callback,), hooks)())
    with reporting(reporter):
        with _interruptible():
            trainer.fit(module, *loaders, **fit_kwargs)
        reporter.report_logged_result()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let an interrupt through: Lightning would turn it into an exit, and ignore every later one."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as exit_:
        if isinstance(exit_.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGINT, handler)


def _explain_silence(metric: str | None, logged: Mapping[str, Any]) -> EvaluationError:
    names = ", ".join(sorted(logged)) or "nothing"
    if metric is not None:
        return EvaluationError(
            f"the training ended without {metric}, which models are compared by; logged: {names}",
            why="no validation ran, or validation_step was overridden and does not log it",
            fix="check the validation data, and the trainer's limit_val_batches, check_val_every_n_epoch, max_epochs",
        )
    return EvaluationError(
        f"the training ended without a result to compare models by; logged: {names}",
        why="the module does not say which of its metrics counts, and whether higher or lower is better",
        fix="call self.log('default', metric) in validation_step, or retix.report_final_result(metric) in on_fit_end",
    )
