"""What is found out of a model before it is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from retix.execution import InlineEngine
from retix.experiment.search.failure_policy import FailurePolicy
from retix.experiment.search.limits import Limits
from retix.model_space import ModelSpace
from retix.store import Store
from retix.trial import FailureKind, Trial, TrialState, Verdict
from tests.experiment.nets import Chain, Gated
from tests.experiment.scores import behave, learn_width, score_width
from tests.experiment.searching import Listener, Ruled, Scripted, make_search, make_space, make_store, never

PARAMETERS = {1: 5 + 4, 2: 10 + 6, 3: 15 + 8}
"""Of a chain, by its width: two linear layers, from 4 inputs and to 2 outputs."""


@pytest.fixture(scope="module")
def space() -> ModelSpace:
    """Six widths."""
    return make_space(Chain())


def test_measures_are_there_from_the_beginning(tmp_path: Path, space: ModelSpace) -> None:
    """They are in the record before the trial begins, and in the result beside what is reported."""
    seen: list[Trial] = []
    strategy = Scripted({"width": 1}, {"width": 3})
    with make_store(tmp_path) as store, InlineEngine() as engine:
        search, reader = make_search(
            space, strategy, engine, store, score_width, listener=Listener(seen.append), measured=("parameters",)
        )
        search.run(never)
    assert [dict(trial.metrics) for trial in seen if trial.state is TrialState.WAITING] == [
        {"parameters": float(PARAMETERS[1])},
        {"parameters": float(PARAMETERS[3])},
    ]
    assert [dict(trial.metrics) for trial in reader.trials()] == [
        {"default": -abs(width - 4.0), "width": width, "parameters": PARAMETERS[width]} for width in (1, 3)
    ]
    assert [dict(trial.metrics) for trial in strategy.told] == [dict(trial.metrics) for trial in reader.trials()]


def test_early_stopping_sees_measures(tmp_path: Path, space: ModelSpace) -> None:
    """With every report, and what it ends has them too; so does the rule of a search that is resumed."""
    strategy, rule = Scripted({"width": 2}, {"width": 3}), Ruled({(1, 1): Verdict.STOP, (2, 1): Verdict.PAUSE})
    arguments = {"log": tmp_path / "log"}
    with make_store(tmp_path) as store, InlineEngine() as engine:
        search, reader = make_search(
            space, strategy, engine, store, learn_width, stopping=rule, measured=("parameters",), arguments=arguments
        )
        search.run(lambda: "paused" in "".join(trial.waits_for for trial in reader.trials()))
        assert dict(reader.trial(1).metrics) == {"default": 2.0, "loss": 1.0, "parameters": PARAMETERS[2]}
        assert dict(reader.trial(2).metrics) == {"default": 3.0, "loss": 1.0, "parameters": PARAMETERS[3]}
    with Store.open(tmp_path, reader.id) as store, InlineEngine() as engine:
        again, strategy = Ruled({(2, 1): Verdict.PAUSE}, promotions=(2,)), Scripted({"width": 2}, {"width": 3})
        search, reader = make_search(
            space, strategy, engine, store, learn_width, stopping=again, measured=("parameters",), arguments=arguments
        )
        search.restore(reader)
        search.run(never)
    assert again.heard[:2] == rule.heard[:1] + rule.heard[2:3]
    assert reader.trial(2).state is TrialState.SUCCEEDED
    assert dict(reader.trial(2).metrics) == {"default": 12.0, "parameters": PARAMETERS[3]}


def test_duplicates_are_not_measured_again(tmp_path: Path) -> None:
    """They have the measures of the trial whose result they carry."""
    strategy = Scripted({"left": "0", "gate": [0]}, {"right": "0", "gate": [1]})
    with make_store(tmp_path) as store, InlineEngine() as engine:
        space = make_space(Gated())
        search, reader = make_search(
            space, strategy, engine, store, behave_well, measured=("parameters",), limits=Limits(trials=2)
        )
        search.run(never)
    one, other = reader.trials()
    assert other.state is TrialState.DUPLICATE
    assert dict(one.metrics) == dict(other.metrics) == {"default": 1.0, "parameters": 30.0}


def behave_well(model_cls: object) -> float:
    """Nothing is trained."""
    return 1.0


def test_what_cannot_be_measured_is_not_trained(tmp_path: Path, space: ModelSpace) -> None:
    """The trial fails with the name of the measure, and counts against the budget: a search of such trials ends."""
    strategy = Scripted({"width": 1}, {"width": 2}, {"width": 3})
    with make_store(tmp_path) as store, InlineEngine() as engine:
        search, reader = make_search(
            space, strategy, engine, store, behave, measured=("beauty",), limits=Limits(trials=2)
        )
        search.run(never)
    trials = reader.trials()
    assert [trial.state for trial in trials] == [TrialState.FAILED] * 2
    assert trials[0].failure is not None
    assert trials[0].failure.kind is FailureKind.BUILD
    assert trials[0].failure.message.startswith("'beauty' of the model cannot be measured: ")
    assert trials[0].attempts == 0


def test_a_failed_trial_keeps_its_measures(tmp_path: Path, space: ModelSpace) -> None:
    """They are true whatever becomes of it; the metrics of its penalty come beside them."""
    strategy = Scripted({"width": 2})
    with make_store(tmp_path) as store, InlineEngine() as engine:
        limits = Limits(policies={FailureKind.RAISED: FailurePolicy(penalty=-1.0)})
        search, reader = make_search(
            space,
            strategy,
            engine,
            store,
            learn_width,
            limits=limits,
            measured=("parameters",),
            arguments={"log": tmp_path / "log", "fails_at": 1},
        )
        search.run(never)
    assert dict(reader.trial(1).metrics) == {"parameters": PARAMETERS[2]}
    assert dict(strategy.told[0].metrics) == {"default": -1.0, "parameters": PARAMETERS[2]}
