"""One fit of one model: what it logs becomes what it reports."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from retix.errors import EvaluationError
from retix.evaluator.checkpoint import current_checkpoint
from retix.evaluator.framework import Framework
from retix.evaluator.report import RememberingReporter, Reporter, TrialEnded, current_reporter, reporting
from retix.evaluator.resumption import Resumption
from retix.trial import Verdict


class FitReporter(RememberingReporter):
    """Listens to a module that reports by itself, and speaks for one that only logs.

    What is reported while Lightning checks that validation works, before the training, is dropped. If whoever listens
    asks to stop, the trainer does after the running epoch. If early stopping ends the trial, the trainer stops in good
    order first: at once, or at the end of the epoch if the trial is only paused, so that Lightning can go on from
    there. What is reported between is held back until the trial goes on.

    Args:
        listener: Who takes the results.
        trainer: The trainer that is about to fit.
        metric: The logged name to compare models by, where ``default`` is not logged.
        memory: What `memory` was when the training was paused that goes on now.

    Attributes:
        ended: How early stopping has ended the trial; None if it has not.
    """

    def __init__(self, listener: Reporter, trainer: Any, metric: str | None, memory: Mapping[str, Any]):
        super().__init__(listener)
        self.ended: TrialEnded | None = None
        self._trainer = trainer
        self._metric = metric
        self.intermediates = memory.get("intermediates", 0)
        self._spoken: int = memory.get("spoken", 0)
        self._logged: dict[str, float] | None = memory.get("logged")
        self._last: Mapping[str, float] | None = memory.get("last")
        self._held: list[dict[str, float]] = list(memory.get("held", ()))
        self._is_in_epoch = False
        self._done: int | None = memory.get("done")
        if self._done is not None:
            trainer.fit_loop.max_epochs = self._done  # nothing is trained, but the state is there, and hooks are called

    @property
    def memory(self) -> dict[str, Any]:
        """What to know when the training goes on, in plain values."""
        last = self.result or self._last
        return {
            "intermediates": self.intermediates,
            "spoken": self._spoken,
            "logged": self._read_logged() or self._logged,
            "last": None if last is None else dict(last),
            "held": self._held,
            "done": self._count_done() if self._done is None else self._done,
        }

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        if self._trainer.sanity_checking:
            return True
        if self.ended is not None:
            self.intermediates += 1
            self._held.append(dict(metrics))
            return False
        go_on = self._pass_on(metrics)
        if self._is_paused():
            self._pause()
        elif not go_on:
            self._trainer.should_stop = True
        return go_on

    def final(self, metrics: Mapping[str, float]) -> None:
        if self.ended is None:
            super().final(metrics)
        else:
            self._last = metrics

    def report_held(self) -> None:
        """Report what was held back when the training was paused, as far as the trial goes on."""
        while self._held and self.ended is None:
            self.intermediates -= 1
            self._pass_on(self._held.pop(0))

    def begin_epoch(self) -> None:
        """Note that a checkpoint would have to wait for the end of the epoch."""
        self._is_in_epoch = True

    def end_epoch(self) -> None:
        """Stop here if the trial was paused in this epoch."""
        self._is_in_epoch = False
        if self._is_paused():
            self._pause()

    def report_logged_epoch(self) -> None:
        """Report what the epoch logged, unless the module reports by itself."""
        logged = self._read_logged()
        self._logged = logged or self._logged
        if logged is not None and self.intermediates == self._spoken and not self._trainer.sanity_checking:
            self._spoken += 1
            self.intermediate(logged)

    def report_logged_result(self) -> None:
        """Report what the last epoch logged, unless the module has reported a final result by itself.

        Nothing is reported of a trial that early stopping has ended. A training that was paused at its very end does
        nothing any more; then what came before counts.

        Raises:
            EvaluationError: There is nothing to report.
        """
        if self.result is not None or self.ended is not None:
            return
        logged = self._read_logged() or self._last or self._logged
        if logged is None:
            raise _explain_silence(self._metric, self._trainer.callback_metrics)
        self.final(logged)

    def _is_paused(self) -> bool:
        return self.ended is not None and self.ended.verdict is Verdict.PAUSE

    def _pause(self) -> None:
        """Have the trainer stop after this epoch, and no earlier.

        The limit of epochs is used for it, and not the word to stop: that is left to whoever else says it, such as a
        callback of the user's, so that it is known whether there is anything to go on with.
        """
        if not self._is_in_epoch:
            self._trainer.fit_loop.max_epochs = self._trainer.fit_loop.epoch_progress.current.processed

    def _pass_on(self, metrics: Mapping[str, float]) -> bool:
        try:
            return super().intermediate(metrics)
        except TrialEnded as ended:
            self.ended = ended
            if ended.verdict is Verdict.STOP:  # Lightning would train on until it has come so far
                self._trainer.fit_loop.min_epochs = 0
                self._trainer.fit_loop.epoch_loop.min_steps = 0
            return False

    def _count_done(self) -> int | None:
        """How many epochs it took, if somebody else has ended the training: a callback of the user's, say."""
        loop = self._trainer.fit_loop
        epochs: int = loop.epoch_progress.current.processed
        may_stop = epochs >= (loop.min_epochs or 0) and self._trainer.global_step >= (loop.min_steps or 0)
        return epochs if self._trainer.should_stop and may_stop else None

    def _read_logged(self) -> dict[str, float] | None:
        metrics = self._trainer.callback_metrics
        default = metrics.get("default", metrics.get(self._metric))
        if default is None:
            return None
        beside = {name: float(value) for name, value in metrics.items() if name.startswith("val_")}
        return {"default": float(default), **beside}


def fit(trainer: Any, module: Any, framework: Framework, *loaders: Any, **fit_kwargs: Any) -> None:
    """Train a module and report what came out; goes on from the trial's checkpoint if the trial was paused.

    Args:
        trainer: A trainer that has not fitted yet.
        module: A module that holds its model.
        framework: The package of both.
        *loaders: The loaders for training and validation.
        **fit_kwargs: Further arguments of ``trainer.fit``.

    Raises:
        EvaluationError: The module neither reported a final result nor logged one.
        TrialEnded: Early stopping has ended or paused the trial.
    """
    resumption = Resumption(current_checkpoint(), trainer)
    metric = getattr(module, "default_metric", None)
    reporter = FitReporter(current_reporter(), trainer, metric, resumption.memory)
    reporter.report_held()
    _leave_if_ended(reporter, resumption.save_again)
    trainer.callbacks.append(_make_callback(framework, reporter, resumption))
    with reporting(reporter):
        with _interruptible():
            trainer.fit(module, *loaders, **{**fit_kwargs, **resumption.begin()})
        reporter.report_logged_result()
    _leave_if_ended(reporter, resumption.save)


def _leave_if_ended(reporter: FitReporter, save: Callable[[Mapping[str, Any]], None]) -> None:
    if reporter.ended is not None:
        if reporter.ended.verdict is Verdict.PAUSE:
            save(reporter.memory)
        raise reporter.ended


def _make_callback(framework: Framework, reporter: FitReporter, resumption: Resumption) -> Any:
    def begin_epoch(*_: Any) -> None:
        reporter.begin_epoch()
        resumption.begin_epoch()

    hooks = {
        "on_validation_end": lambda *_: reporter.report_logged_epoch(),
        "on_train_epoch_start": begin_epoch,
        "on_train_epoch_end": lambda *_: reporter.end_epoch(),
        "on_train_end": lambda *_: resumption.end_training(),
        "on_save_checkpoint": lambda self, trainer, module, content: resumption.complete(content),
    }
    return type("ReportLogged", (framework.callback,), hooks)()


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
