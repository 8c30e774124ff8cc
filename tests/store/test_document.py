from __future__ import annotations

import json
import math

from retix.space import Sample
from retix.store import ExperimentInfo, ExperimentState, describe_experiment, describe_trial
from retix.trial import Failure, FailureKind, Trial, TrialState


def test_a_trial_is_strict_json() -> None:
    """NaN and infinities, which JSON has no form for, become null; the traceback stays in the store."""
    failure = Failure(FailureKind.NOT_FINITE, "the loss is NaN", "ValueError", "Traceback ...")
    metrics = {"default": math.nan, "loss": math.inf, "seconds": 2.0}
    document = describe_trial(Trial(3, Sample({"skip": [0, 2]}), TrialState.FAILED, metrics, parent=1, failure=failure))
    assert json.loads(json.dumps(document, allow_nan=False)) == {
        "id": 3,
        "state": "failed",
        "sample": {"skip": [0, 2]},
        "metric": None,
        "metrics": {"default": None, "loss": None, "seconds": 2.0},
        "parent": 1,
        "duplicate_of": None,
        "failure": {"kind": "not_finite", "message": "the loss is NaN", "error": "ValueError"},
        "created": 0.0,
        "started": None,
        "ended": None,
        "attempts": 0,
        "inherit": False,
        "waits_for": "",
        "steps": 0,
    }


def test_an_experiment_is_strict_json() -> None:
    """Settings are written as they are, but for numbers that JSON has no form for."""
    config = {"max_trial_number": 3, "limits": [math.inf, 1.5], "nested": {"nan": math.nan}}
    document = describe_experiment(ExperimentInfo("ab", "digits", ExperimentState.DONE, 1.0, config=config))
    assert json.loads(json.dumps(document, allow_nan=False))["config"] == {
        "max_trial_number": 3,
        "limits": [None, 1.5],
        "nested": {"nan": None},
    }
    assert document["state"] == "done"
