"""Trials that are paused, for the tests: who listens to them, and how they go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retix.evaluator import Checkpoint, TrialEnded, checkpointing, reporting
from retix.trial import Verdict
from tests.evaluator.samples import Listener


class Judge(Listener):
    """Answers the reports of a trial as its runner does, and pauses it at some of them.

    Args:
        checkpoint: The trial's.
        verdicts: What to answer, by how many results have come in all; else to go on.
    """

    def __init__(self, checkpoint: Checkpoint, verdicts: Mapping[int, Verdict]):
        super().__init__()
        self.checkpoint = checkpoint
        self.verdicts = verdicts

    def intermediate(self, metrics: Mapping[str, float]) -> bool:
        self.checkpoint.steps += 1
        if self.checkpoint.steps > self.checkpoint.first_step:
            super().intermediate(metrics)
            verdict = self.verdicts.get(self.checkpoint.steps, Verdict.GO_ON)
            if verdict is Verdict.PAUSE:
                self.checkpoint.save()
            if verdict is not Verdict.GO_ON:
                raise TrialEnded(verdict)
        return True


def run(train: Callable[[], Any], path: Path, first_step: int = 0, **verdicts: Verdict) -> tuple[Judge, Verdict | None]:
    """One attempt of a trial.

    Args:
        train: What it does.
        path: Where its checkpoint lies.
        first_step: How many results it had reported before.
        **verdicts: What to answer, such as ``at_3=Verdict.PAUSE``.

    Returns:
        What was heard, and how the trial was ended, if it was.
    """
    checkpoint = Checkpoint(path, first_step)
    judge = Judge(checkpoint, {int(name.removeprefix("at_")): verdict for name, verdict in verdicts.items()})
    try:
        with reporting(judge), checkpointing(checkpoint):
            train()
    except TrialEnded as ended:
        return judge, ended.verdict
    return judge, None


def run_in_parts(train: Callable[[], Any], path: Path, *pauses: int) -> Judge:
    """A trial that is paused after some numbers of results and goes on each time; all that was heard of it."""
    heard: Judge | None = None
    for first, last in zip((0, *pauses), (*pauses, None), strict=True):
        judge, verdict = run(train, path, first, **({} if last is None else {f"at_{last}": Verdict.PAUSE}))
        assert verdict is (None if last is None else Verdict.PAUSE)
        if heard is not None:
            judge.intermediates = [*heard.intermediates, *judge.intermediates]
        heard = judge
    assert heard is not None
    return heard
