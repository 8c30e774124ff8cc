"""The rule of early stopping, as a search follows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from retix.execution import Engine
from retix.stopping import EarlyStopping
from retix.trial import Reported

CHECKPOINT_FILE = "checkpoint.pt"
"""In the directory of a trial that was paused: its state, from which it goes on."""


class Judge:
    """Asks the rule about every intermediate result, once it is durable, and has the engine answer the trial.

    A verdict is recorded only when the engine says that the trial has halted. If it is lost before, with the driver or
    with the worker, the trial runs again from its last checkpoint, or from its beginning, and reports again.

    Args:
        rule: The rule; None lets every trial run to its end without asking.
        engine: Runs the trials.
        directory: The experiment's.
    """

    def __init__(self, rule: EarlyStopping | None, engine: Engine, directory: Path) -> None:
        self._rule = rule
        self._engine = engine
        self._directory = directory

    @property
    def asks(self) -> bool:
        """Whether there is a rule, so that trials have to wait for verdicts."""
        return self._rule is not None

    def checkpoint(self, trial: int) -> Path | None:
        """Where a trial keeps its state when it is paused; None if none ever is."""
        if self._rule is None or not self._rule.may_pause:
            return None
        return self._directory / "trials" / str(trial) / CHECKPOINT_FILE

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> None:
        """Have a trial answered that waits after its ``step``-th intermediate result."""
        if self._rule is not None:
            self._engine.answer(trial, self._rule.report(trial, step, metrics))

    def next_promotion(self) -> int | None:
        """The paused trial that is to go on now, if there is one."""
        return None if self._rule is None else self._rule.next_promotion()

    def next_finalist(self) -> int | None:
        """The paused trial that is to go on so that one comes to its end at all, if there is one."""
        return None if self._rule is None else self._rule.next_finalist()

    def promoted(self, trial: int) -> None:
        """A paused trial goes on."""
        if self._rule is not None:
            self._rule.promoted(trial)

    def ended(self, trial: int) -> None:
        """A trial that was run has ended, and needs its checkpoint no more."""
        if self._rule is not None:
            self._rule.ended(trial)
        if (path := self.checkpoint(trial)) is not None and path.parent.is_dir():
            for file in path.parent.glob(f"{path.name}*"):  # also what a worker that was killed has left half-written
                file.unlink(missing_ok=True)

    def restore(
        self,
        reports: Iterable[Reported],
        promotions: Mapping[int, tuple[int, ...]],
        settled: Mapping[int, int],
        measures: Mapping[int, Mapping[str, float]],
        ended: Iterable[int],
    ) -> None:
        """Let the rule know what it knew.

        Args:
            reports: All that were recorded, in their order.
            promotions: For each trial that was paused and went on: after how many results, each time.
            settled: For each trial that has not ended: the number of results that it goes on from. What it reported
                beyond that was lost with its driver; it will report that again.
            measures: What was known of trials without training them.
            ended: The trials that were run and have ended.
        """
        if self._rule is None:
            return
        left = {trial: list(steps) for trial, steps in promotions.items()}
        for report in reports:
            trial = report.trial
            if report.step >= settled.get(trial, report.step + 1):
                continue
            while left.get(trial) and left[trial][0] <= report.step:
                left[trial].pop(0)
                self._rule.promoted(trial)
            self._rule.report(trial, report.step + 1, {**measures.get(trial, {}), **report.metrics})
        for trial, steps in left.items():
            for _ in steps:
                self._rule.promoted(trial)
        for trial in ended:
            self.ended(trial)
