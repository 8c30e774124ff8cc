"""One search in which trials fail in every way there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retix import FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment
from retix.cli import main
from retix.store import ExperimentState, StoreReader
from retix.strategy import GridSearch
from retix.trial import FailureKind, Trial, TrialState
from tests.experiment.fragile import SWITCH
from tests.experiment.nets import INPUTS, Cases
from tests.experiment.scores import behave

FAILURES = {"killed", "shape", "timeout", "not_finite", "no_metric", "import"}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> RetiariiExperiment:
    """All cases, on two workers."""
    experiment = RetiariiExperiment(
        Cases(), FunctionalEvaluator(behave), None, GridSearch(shuffle=False), example_inputs=INPUTS
    )
    root = tmp_path_factory.mktemp("runs")
    config = RetiariiExeConfig(experiment_working_directory=root, trial_concurrency=2, max_retries=1)
    config.max_trial_duration = 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "1")
        experiment.run(config)
    return experiment


def find_trial(experiment: RetiariiExperiment, case: str) -> Trial:
    """The trial of a case."""
    (trial,) = (trial for trial in experiment.trials() if trial.sample["case"] == case)
    return trial


def test_failures_do_not_end_the_search(experiment: RetiariiExperiment) -> None:
    """The run is done, every case was tried, and what can succeed does."""
    assert StoreReader(experiment.directory()).info().state is ExperimentState.DONE
    states = {trial.sample["case"]: trial.state for trial in experiment.trials()}
    assert states == {
        **dict.fromkeys(FAILURES, TrialState.FAILED),
        **dict.fromkeys(("fine", "also_fine"), TrialState.SUCCEEDED),
    }


@pytest.mark.parametrize("case", sorted(FAILURES))
def test_each_failure_has_its_kind(experiment: RetiariiExperiment, case: str) -> None:
    """The store says how a trial failed, with a message to act on."""
    failure = find_trial(experiment, case).failure
    assert failure is not None
    assert failure.kind is FailureKind(case)
    expected = {
        "killed": "SIGKILL",
        "shape": "shapes cannot be multiplied",
        "timeout": "time limit of 5 s",
        "not_finite": "nan",
        "no_metric": "report_final_result",
        "import": "the library behind this module is gone",
    }
    assert expected[case] in failure.message


def test_an_error_shows_the_generated_line(experiment: RetiariiExperiment) -> None:
    """The traceback that is kept leads to the line of the model, and so does the message."""
    failure = find_trial(experiment, "shape").failure
    assert failure is not None
    assert failure.error == "RuntimeError"
    assert "return self.head(self.case(x))" in failure.traceback
    assert "model.py:" in failure.message


def test_a_dying_worker_is_retried_as_often_as_asked(experiment: RetiariiExperiment) -> None:
    """With max_retries = 1, the reports of both attempts are kept; a trial that fails by itself is not tried again."""
    reader = StoreReader(experiment.directory())
    assert [report.step for report in reader.reports(find_trial(experiment, "killed").id)] == [0, 0]
    assert [report.step for report in reader.reports(find_trial(experiment, "shape").id)] == [0]


def test_failures_are_shown_as_json(experiment: RetiariiExperiment, capsys: pytest.CaptureFixture[str]) -> None:
    """`retix show --json` gives each kind."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["show", experiment.id, "--json", "--dir", str(experiment.directory().parent)])
    assert caught.value.code == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    kinds = {trial["sample"]["case"]: trial["failure"]["kind"] for trial in shown["trials"] if trial["failure"]}
    assert kinds == {case: case for case in FAILURES}
    assert shown["state"] == "done"


def test_only_results_are_exported(experiment: RetiariiExperiment) -> None:
    """Failed trials are never among the best."""
    assert {trial.sample["case"] for trial in experiment.top_trials(9)} == {"fine", "also_fine"}
