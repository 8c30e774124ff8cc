"""The contract that every rule of early stopping keeps, as tests that anyone can run on a rule of their own."""

from __future__ import annotations

import math
import random
from typing import ClassVar, TypeAlias

import pytest

from retix.objective import Objective, Objectives
from retix.stopping import EarlyStopping
from retix.trial import Verdict

Result: TypeAlias = tuple[int, int, dict[str, float]]
"""What a trial reported: its id, the step, and the metrics."""


class EarlyStoppingContract:
    """Tests of one rule of early stopping; pytest runs them for each subclass whose name begins with ``Test``.

    A subclass says how the rule is made::

        from retix.testing import EarlyStoppingContract


        class TestBelowHalf(EarlyStoppingContract):
            def make(self):
                return BelowHalf()

    Each test has `trials` trials of `steps` steps report, a few at a time, and does as the rule says.

    Attributes:
        trials: How many trials a test has.
        steps: How many intermediate results a trial reports if nothing stops it.
        ends_some: Whether the rule ends, or pauses, at least one of such trials; a rule that never does is none.
    """

    trials: ClassVar[int] = 27
    steps: ClassVar[int] = 9
    ends_some: ClassVar[bool] = True

    def make(self) -> EarlyStopping:
        """A new rule, always of the same settings."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its rule is made: write make(self)")

    @pytest.fixture(params=["maximize", "minimize", "two objectives"])
    def rule(self, request: pytest.FixtureRequest) -> EarlyStopping:
        """A rule that knows what the search is after."""
        self.objectives = Objectives(
            [Objective(), Objective("parameters", "minimize")]
            if request.param == "two objectives"
            else [Objective("default", request.param)]
        )
        return self.make_aimed()

    def make_aimed(self) -> EarlyStopping:
        """A new rule that knows what the search is after."""
        rule = self.make()
        rule.aim(self.objectives)
        return rule

    def test_verdicts_are_kept(self, rule: EarlyStopping) -> None:
        """It ends or pauses some trials, only pauses if it says that it may, and promotes what is paused alone."""
        verdicts = follow(rule, self.trials, self.steps).verdicts
        assert verdicts
        assert all(isinstance(verdict, Verdict) for verdict in verdicts)
        assert rule.may_pause or Verdict.PAUSE not in verdicts
        assert not self.ends_some or {Verdict.STOP, Verdict.PAUSE} & set(verdicts)

    def test_some_trials_are_left_alone(self, rule: EarlyStopping) -> None:
        """At least one trial runs to its end, and less is trained than without the rule."""
        run = follow(rule, self.trials, self.steps)
        assert run.whole
        assert not self.ends_some or len(run.results) < self.trials * self.steps

    def test_the_same_results_give_the_same_verdicts(self, rule: EarlyStopping) -> None:
        """A rule draws no random numbers and does not look at the clock."""
        first, again = (follow(each, self.trials, self.steps) for each in (rule, self.make_aimed()))
        assert (again.results, again.verdicts, again.promoted) == (first.results, first.verdicts, first.promoted)

    def test_the_record_brings_it_back(self, rule: EarlyStopping) -> None:
        """A rule that was given the record, in any order, goes on as the one that lived through it."""
        run = follow(rule, self.trials, self.steps, results=self.trials * 2)
        restored = self.make_aimed()
        for trial, step, metrics in random.Random(1).sample(run.results, len(run.results)):
            restored.report(trial, step, metrics)
        for trial in run.promoted:
            restored.promoted(trial)
        for trial in run.ended:
            restored.ended(trial)
        rest = [follow(each, self.trials, self.steps, known=run) for each in (restored, rule)]
        assert rest[0].verdicts == rest[1].verdicts
        assert rest[0].promoted == rest[1].promoted

    def test_a_step_that_is_reported_again_is_replaced(self, rule: EarlyStopping) -> None:
        """A trial that begins anew after a crash reports its first steps again; nothing is counted twice."""
        run = follow(rule, self.trials, self.steps, results=self.trials)
        twin = self.make_aimed()
        for _ in range(2):
            for trial, step, metrics in run.results:
                twin.report(trial, step, metrics)
        for trial in run.promoted:
            twin.promoted(trial)
        for trial in run.ended:
            twin.ended(trial)
        ends = [follow(each, self.trials, self.steps, known=run) for each in (twin, rule)]
        assert ends[0].verdicts == ends[1].verdicts

    def test_what_is_no_number_loses(self, rule: EarlyStopping) -> None:
        """NaN, infinity and a missing metric break nothing, and are not promoted before a trial that has a number."""
        broken = [{"default": math.nan}, {"default": math.inf}, {"default": -math.inf}, {}]
        for step in range(1, self.steps + 1):
            for trial in range(1, 9):
                metrics = measure(trial, step) if trial > len(broken) else broken[trial - 1]
                assert isinstance(rule.report(trial, step, metrics), Verdict)
        promoted = rule.next_promotion()
        assert promoted is None or promoted > len(broken)

    def test_ends_of_unknown_trials_are_taken(self, rule: EarlyStopping) -> None:
        """A trial may fail before its first report; nobody is promoted while nobody is paused."""
        rule.ended(5)
        assert rule.next_promotion() is None


class Run:
    """What happened under a rule.

    Attributes:
        results: What was reported, in order.
        verdicts: What the rule said to it.
        promoted: Who went on after a pause, in order.
        ended: Who ended, in order.
        whole: Who ended by reporting every step.
    """

    def __init__(self, known: Run | None = None) -> None:
        self.results: list[Result] = []
        self.verdicts: list[Verdict] = []
        self.promoted: list[int] = []
        self.ended: list[int] = [] if known is None else list(known.ended)
        self.whole: list[int] = []
        self.steps: dict[int, int] = {} if known is None else dict(known.steps)
        self.paused: set[int] = set() if known is None else set(known.paused)
        self.running: list[int] = [] if known is None else list(known.running)


def follow(rule: EarlyStopping, trials: int, steps: int, results: int | None = None, known: Run | None = None) -> Run:
    """Let trials report, three at a time, and do as the rule says.

    Args:
        rule: The rule; it knows what the search is after.
        trials: How many trials there are.
        steps: How many results each of them reports, if nothing stops it.
        results: After how many results to leave off; None for never.
        known: What has happened before; the same trials go on.
    """
    run = Run(known)
    waiting = [trial for trial in range(1, trials + 1) if trial not in {*run.steps, *run.running}]
    while results is None or len(run.results) < results:
        while len(run.running) < 3 and (trial := _next(rule, run, waiting)) is not None:
            run.running.append(trial)
        if not run.running:
            break
        _report(rule, run, run.running.pop(0), steps)
    return run


def _next(rule: EarlyStopping, run: Run, waiting: list[int]) -> int | None:
    trial = rule.next_promotion()
    if trial is None:
        return waiting.pop(0) if waiting else None
    assert trial in run.paused, f"trial {trial} is promoted, and was not paused"
    run.paused.remove(trial)
    run.promoted.append(trial)
    rule.promoted(trial)
    return trial


def _report(rule: EarlyStopping, run: Run, trial: int, steps: int) -> None:
    step = run.steps[trial] = run.steps.get(trial, 0) + 1
    run.results.append((trial, step, measure(trial, step)))
    verdict = rule.report(*run.results[-1])
    run.verdicts.append(verdict)
    if verdict is Verdict.PAUSE:
        run.paused.add(trial)
    elif verdict is Verdict.STOP or step == steps:
        run.ended.append(trial)
        run.whole += [trial] * (verdict is not Verdict.STOP)
        rule.ended(trial)
    else:
        run.running.append(trial)


def measure(trial: int, step: int) -> dict[str, float]:
    """The metrics of a trial: curves that rise to a level that looks arbitrary, and noise."""
    level = (trial * 7919 % 101) / 101
    noise = ((trial * 31 + step * 17) % 13 - 6) / 400
    return {"default": level * (1 - 0.5**step) + noise, "parameters": float(trial * 104729 % 97)}
