"""Trials that early stopping ends or pauses, and what becomes of those."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.execution import InlineEngine
from retix.experiment.search import controls
from retix.experiment.search.failure_policy import FailurePolicy
from retix.experiment.search.limits import Limits
from retix.experiment.search.loop import EndReason
from retix.model_space import ModelSpace
from retix.stopping import ASHA, EarlyStopping
from retix.store import Store, StoreReader, send_command
from retix.trial import FailureKind, Proposal, Trial, TrialState, Verdict
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import learn_nothing, learn_width
from tests.experiment.searching import Listener, Ruled, Scripted, make_search, make_space, make_store, never
from tests.experiment.slots import ShuffledEngine

STOP, PAUSE = Verdict.STOP, Verdict.PAUSE


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


def widths(*values: int) -> Scripted:
    """Proposes these widths."""
    return Scripted(*({"width": value} for value in values))


def list_steps(reader: StoreReader) -> list[tuple[str, int | None]]:
    """The journal."""
    return [(step.kind, step.trial) for step in reader.steps()]


def read_log(root: Path) -> list[str]:
    """The steps that were trained, as width and step."""
    return (root / "log").read_text().splitlines()


class Case:
    """A search with a rule, run to its end inline."""

    def __init__(self, root: Path, space: ModelSpace, strategy: Scripted, rule: EarlyStopping, **settings: Any) -> None:
        self.strategy, self.heard = strategy, rule.heard if isinstance(rule, Ruled) else []
        function = settings.pop("function", learn_width)
        arguments = settings.pop("arguments", {}) | ({"log": root / "log"} if function is learn_width else {})
        with make_store(root) as store, InlineEngine() as engine:
            search, self.reader = make_search(
                space, strategy, engine, store, function, arguments=arguments, stopping=rule, **settings
            )
            self.reason = search.run(never)
            self.directory = store.directory
        self.trials = self.reader.trials()
        self.ends = [(trial.state, trial.steps, trial.metric) for trial in self.trials]


def test_a_stopped_trial_is_pruned(tmp_path: Path, space: ModelSpace) -> None:
    """It has what it reported last, the strategy learns that, and it leaves no weights and no checkpoint."""
    case = Case(tmp_path, space, widths(2, 3), Ruled({(1, 2): STOP}))
    assert case.ends == [(TrialState.PRUNED, 2, 4.0), (TrialState.SUCCEEDED, 4, 12.0)]
    assert dict(case.trials[0].metrics) == {"default": 4.0, "loss": 0.5}
    assert case.strategy.told == case.trials
    assert case.strategy.observed == []
    (attempt,) = case.reader.attempts(1)
    assert (attempt.verdict, attempt.failure, attempt.stopped) == (STOP, None, False)
    assert attempt.ended == case.trials[0].ended
    assert read_log(tmp_path) == ["2 1", "2 2", "3 1", "3 2", "3 3", "3 4"]
    assert case.heard[2] == ("ended", 1)
    assert not list(case.directory.glob("trials/1/*.safetensors"))
    assert case.reader.best(5) == [case.trials[1]]
    assert case.reader.counts()[TrialState.PRUNED] == 1


def test_a_paused_trial_goes_on_from_where_it_was(tmp_path: Path, space: ModelSpace) -> None:
    """No step is trained or reported twice; it is promoted before anything new is asked for, and costs no budget."""
    rule = Ruled({(1, 1): PAUSE, (1, 3): PAUSE, (2, 1): PAUSE}, promotions=(1, 1))
    listener = Listener()
    case = Case(tmp_path, space, widths(2, 3, 4), rule, limits=Limits(trials=2), listener=listener)
    assert case.reason is EndReason.BUDGET
    assert case.ends == [(TrialState.SUCCEEDED, 4, 8.0), (TrialState.PRUNED, 1, 3.0)]
    assert read_log(tmp_path) == ["2 1", "2 2", "2 3", "2 4", "3 1"]
    assert [report.step for report in case.reader.reports(1)] == [0, 1, 2, 3]
    assert [attempt.verdict for attempt in case.reader.attempts(1)] == [PAUSE, PAUSE, None]
    assert list_steps(case.reader) == [
        *(("ask", 1), ("pause", 1), ("promote", 1), ("pause", 1), ("promote", 1), ("tell", 1)),
        *(("ask", 2), ("pause", 2), ("tell", 2)),
    ]
    assert [trial.id for trial in case.strategy.told] == [1, 2]
    assert [(seen.id, seen.state, seen.steps, seen.metric) for seen in case.strategy.observed] == [
        (1, TrialState.WAITING, 1, 2.0),
        (1, TrialState.WAITING, 3, 6.0),
        (2, TrialState.WAITING, 1, 3.0),
    ]
    waiting, running = TrialState.WAITING, TrialState.RUNNING
    assert listener.states[2] == [waiting, running, waiting, TrialState.PRUNED]
    assert case.heard[1] == ("promoted", 1)
    assert not list(case.directory.glob("trials/*/checkpoint*"))


def test_a_waiting_strategy_gets_its_results(tmp_path: Path, space: ModelSpace) -> None:
    """One that proposes nothing before it is told has paused trials ended for it, and goes on."""

    class Generations(Scripted):
        def ask(self) -> Proposal | None:
            is_open = self.left and len(self.told) < 2 <= 6 - len(self.left)
            return None if is_open else super().ask()

    strategy = Generations(*({"width": value} for value in (1, 2, 3, 4, 5, 6)))
    rule = Ruled({(trial, 1): PAUSE for trial in (1, 2)})
    case = Case(tmp_path, space, strategy, rule)
    assert case.reason is EndReason.EXHAUSTED
    assert [state for state, _, _ in case.ends] == [TrialState.PRUNED] * 2 + [TrialState.SUCCEEDED] * 4
    told = [trial for kind, trial in list_steps(case.reader) if kind == "tell"]
    assert told == [1, 2, 3, 4, 5, 6]


def test_one_trial_comes_to_its_end(tmp_path: Path, space: ModelSpace) -> None:
    """Where every trial is paused when nothing is left, the best goes on, as often as it takes."""
    case = Case(tmp_path, space, widths(2, 4, 3), ASHA(4, reduction=2), limits=Limits(trials=1))
    assert case.ends == [(TrialState.SUCCEEDED, 4, 8.0)]
    assert [kind for kind, _ in list_steps(case.reader)] == ["ask", "pause", "promote", "pause", "promote", "tell"]
    case = Case(tmp_path / "more", space, widths(2, 4, 3), ASHA(4, reduction=5))
    assert case.ends == [(TrialState.PRUNED, 1, 2.0), (TrialState.SUCCEEDED, 4, 16.0), (TrialState.PRUNED, 1, 3.0)]
    told = [step for step in list_steps(case.reader) if step[1] is not None]
    assert told[6:] == [("promote", 2), ("tell", 2), ("tell", 1), ("tell", 3)]


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path, space: ModelSpace) -> None:
    """The rule sees them, and the strategy is told a trial without that metric."""
    case = Case(
        tmp_path, space, widths(2), Ruled({(1, 1): STOP}), function=learn_nothing, arguments={"value": math.nan}
    )
    assert str(case.heard[0]) == "(1, 1, {'default': nan, 'loss': 1.0})"
    assert (case.ends, dict(case.trials[0].metrics)) == ([(TrialState.PRUNED, 1, None)], {"loss": 1.0})


def test_a_twin_does_not_wait_for_a_paused_trial(tmp_path: Path) -> None:
    """It has what is known by then, and says after how many results."""
    first, twin = {"left": "0", "gate": [0]}, {"right": "0", "gate": [1]}
    strategy = Scripted(first, {"left": "1", "gate": [0]}, twin)
    rule = Ruled({(1, 1): PAUSE})
    case = Case(tmp_path, make_space(Gated()), strategy, rule, function=learn_nothing, arguments={"value": 0.5})
    assert case.ends[2] == (TrialState.DUPLICATE, 1, 0.5)
    assert [trial.id for trial in strategy.told] == [2, 3, 1]
    assert case.ends[0] == (TrialState.PRUNED, 1, 0.5)


def test_what_fails_after_a_pause_is_tried_again_from_there(tmp_path: Path, space: ModelSpace) -> None:
    """Its earlier steps are neither trained nor reported again; if the failure is final, it has no result."""
    rule = Ruled({(1, 2): PAUSE}, promotions=(1,))
    limits = Limits(policies={FailureKind.RAISED: FailurePolicy(retries=1)})
    case = Case(tmp_path, space, widths(2), rule, limits=limits, arguments={"fails_at": 3})
    assert case.ends == [(TrialState.SUCCEEDED, 4, 8.0)]
    assert read_log(tmp_path) == ["2 1", "2 2", "2 3", "2 3", "2 4"]
    assert [report.step for report in case.reader.reports(1)] == [0, 1, 2, 3]


def test_a_failure_after_a_pause_has_no_result(tmp_path: Path, space: ModelSpace) -> None:
    """What it had shown before is in its reports, and is nothing that a strategy may build upon."""
    rule = Ruled({(1, 2): PAUSE}, promotions=(1,))
    case = Case(tmp_path, space, widths(2), rule, arguments={"fails_at": 3})
    assert case.ends == [(TrialState.FAILED, 0, None)]
    assert case.trials[0].metrics == {}
    assert len(case.reader.reports(1)) == 2


def test_a_paused_trial_can_be_cancelled(tmp_path: Path, space: ModelSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends as stopped, and the strategy is told that."""
    monkeypatch.setattr(controls, "_PERIOD", 0.0)
    answers = []

    def cancel(trial: Trial) -> None:
        if trial.state is TrialState.WAITING and trial.waits_for.startswith("paused"):
            assert trial.waits_for == "paused by early stopping after 1 result"
            answers.append(send_command(store.directory, "cancel", {"trial": trial.id}))

    strategy = widths(2, 3)
    with make_store(tmp_path) as store, InlineEngine() as engine:
        search, reader = make_search(
            space,
            strategy,
            engine,
            store,
            learn_width,
            listener=Listener(cancel),
            stopping=Ruled({(1, 1): PAUSE}),
            arguments={"log": tmp_path / "log"},
        )
        search.run(never)
    trials = reader.trials()
    assert [trial.state for trial in trials] == [TrialState.STOPPED, TrialState.SUCCEEDED]
    assert (trials[0].steps, trials[0].metrics) == (0, {})
    assert sorted(trial.id for trial in strategy.told) == [1, 2]
    assert len(answers) == 1


def test_a_search_that_ends_early_keeps_its_paused_trials(tmp_path: Path, space: ModelSpace) -> None:
    """A resume finds them where they were, with their checkpoints, and the rule as it was."""
    verdicts = {(1, 2): PAUSE, (2, 1): PAUSE}
    arguments = {"log": tmp_path / "log"}
    with make_store(tmp_path) as store, InlineEngine() as engine:
        strategy = widths(2, 3, 4, 5)
        rule = Ruled(verdicts)
        search, reader = make_search(space, strategy, engine, store, learn_width, stopping=rule, arguments=arguments)
        assert search.run(lambda: reader.counts()[TrialState.SUCCEEDED] == 1) is EndReason.STOPPED
        id = store.id
    assert [trial.state for trial in reader.trials()[:3]] == [TrialState.STOPPED] * 2 + [TrialState.SUCCEEDED]
    assert [trial.id for trial in strategy.told] == [3]

    with Store.open(tmp_path, id) as store, InlineEngine() as engine:
        strategy = Scripted({"width": 2}, {"width": 3}, {"width": 4}, {"width": 5})
        again = Ruled(verdicts, promotions=(1,))
        search, reader = make_search(space, strategy, engine, store, learn_width, stopping=again, arguments=arguments)
        search.restore(reader)
        assert [event for event in again.heard if event[0] != 4] == [
            *(event for event in rule.heard if event[0] != 4 and event != ("ended", 3)),
            ("ended", 3),
        ]
        assert [trial.id for trial in strategy.observed] == [1, 2]
        search.run(never)
    ends = [(trial.state, trial.steps) for trial in reader.trials()]
    succeeded = (TrialState.SUCCEEDED, 4)
    assert ends == [succeeded, (TrialState.PRUNED, 1), succeeded, succeeded]
    assert read_log(tmp_path)[:7] == ["2 1", "2 2", "3 1", "4 1", "4 2", "4 3", "4 4"]
    assert sorted(read_log(tmp_path)[-6:]) == ["2 3", "2 4", "5 1", "5 2", "5 3", "5 4"]
    assert sorted(trial.id for trial in strategy.told) == [1, 2, 3, 4]


def test_rules_that_name_the_wrong_trial(tmp_path: Path, space: ModelSpace) -> None:
    """Going on with a trial that has ended is refused with its number."""

    class Wrong(Ruled):
        def next_promotion(self) -> int | None:
            return 1 if ("ended", 1) in self.heard else None

    with pytest.raises(ConfigError, match="lets trial 1 go on, which has ended"):
        Case(tmp_path, space, widths(2, 3), Wrong({}))


def test_deterministic_searches_stop_early_one_by_one(tmp_path: Path, space: ModelSpace) -> None:
    """With one slot nothing depends on time; with more the search is refused before it begins."""
    case = Case(tmp_path / "one", space, widths(2, 3), Ruled({(1, 1): PAUSE}), limits=Limits(deterministic=True))
    assert [state for state, _, _ in case.ends] == [TrialState.PRUNED, TrialState.SUCCEEDED]
    limits, rule = Limits(deterministic=True), Ruled({})
    with (
        make_store(tmp_path / "two") as store,
        ShuffledEngine(2) as engine,
        pytest.raises(ConfigError, match="early stopping and trial_concurrency=2"),
    ):
        make_search(space, widths(2), engine, store, learn_width, limits=limits, stopping=rule)
