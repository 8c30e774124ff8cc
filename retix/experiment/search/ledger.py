"""What happens in a search: recorded durably first, and then told to everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from retix.experiment.search.dialogue import Dialogue
from retix.experiment.search.judge import Judge
from retix.experiment.search.listener import Listener
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.store import Store
from retix.trial import Reported, Trial, TrialState


class Ledger:
    """Records changes in rounds. What a round has recorded is durable, all of it, before anyone hears of it.

    Args:
        store: Where it is recorded.
        dialogue: Hears of trials that have ended, in the name of the strategy.
        weights: Decides which weights stay.
        judge: Hears of intermediate results, and of trials that go on or have ended, in the name of early stopping.
        listener: Hears of everything.
    """

    def __init__(
        self, store: Store, dialogue: Dialogue, weights: WeightKeeper, judge: Judge, listener: Listener
    ) -> None:
        self.store = store
        self._dialogue = dialogue
        self._weights = weights
        self._judge = judge
        self._listener = listener
        self._news: list[Callable[[], None]] = []

    @contextmanager
    def round(self) -> Iterator[None]:
        """Record what the ``with`` block records, with the steps of the dialogue, at its end and in one."""
        self._news.clear()  # an earlier round may have failed
        with self.store.batch():
            yield
            self._dialogue.write()
        news, self._news = self._news, []
        for tell in news:
            tell()
        self.deliver()

    def deliver(self) -> None:
        """Tell the strategy what it is time for; then its say on weights is up to date."""
        told = self._dialogue.deliver()
        for trial in told:
            self._weights.trial_ended(trial)
        if told:
            self._weights.sweep()

    def record(self, trial: Trial) -> None:
        """Record a trial that was proposed or has changed."""
        self.store.update_trial(trial)
        self._announce(trial)

    def reopen(self, trial: Trial) -> None:
        """Record that a trial which was stopped with an earlier search waits again."""
        self.store.reopen_trial(trial)
        self._dialogue.requeued(trial.id)
        self._announce(trial)

    def report(self, trial: Trial, report: Reported) -> None:
        """Record an intermediate result; the trial is answered afterwards."""
        self.store.add_report(trial.id, report.step, report.metrics, report.time)
        known = {**trial.metrics, **report.metrics}
        self._news.append(partial(self._judge.report, trial.id, report.step + 1, known))
        self._news.append(partial(self._listener.trial_reported, trial, report))

    def end(self, trial: Trial, penalty: float | None) -> None:
        """Record a trial that has ended, for the strategy too."""
        self.record(trial)
        self._dialogue.ended(trial, penalty)
        if trial.attempts:
            self._news.append(partial(self._judge.ended, trial.id))

    def pause(self, trial: Trial) -> None:
        """Record a trial that is paused, for the strategy too."""
        self.record(trial)
        self._dialogue.paused(trial)

    def promote(self, trial: Trial) -> None:
        """Record a paused trial that goes on."""
        self.record(trial)
        self._dialogue.promoted(trial)
        self._news.append(partial(self._judge.promoted, trial.id))

    def halt(self, trial: Trial) -> None:
        """Record a trial that was stopped because the search ends.

        The strategy is not told, and the weights of its parent stay, since a resume takes it up again.
        """
        self.record(trial)
        self._dialogue.halted(trial.id)

    def _announce(self, trial: Trial) -> None:
        if trial.state is TrialState.WAITING and trial.inherit and trial.parent is not None:
            # The weights of a duplicate are its original's.
            original = self.store.trial(trial.parent).duplicate_of or trial.parent
            self._news.append(partial(self._weights.trial_proposed, replace(trial, parent=original)))
        self._news.append(partial(self._listener.trial_changed, trial))
