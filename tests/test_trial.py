"""The records of trials."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from retix.errors import EvaluationError
from retix.space import Sample
from retix.trial import Failure, FailureKind, Trial, TrialState, is_finite, read_metric


def test_final_states() -> None:
    """Only a trial that waits or runs can still change."""
    assert {state for state in TrialState if not state.is_final} == {TrialState.WAITING, TrialState.RUNNING}


def test_metric_is_the_default_one() -> None:
    """Strategies compare the entry ``default``, and a trial without a result has none."""
    assert Trial(1, Sample(), metrics={"default": 0.5, "loss": 2.0}).metric == 0.5
    assert Trial(1, Sample()).metric is None


@pytest.mark.parametrize("kind", FailureKind)
def test_failure_round_trip(kind: FailureKind) -> None:
    """JSON text holds the whole failure."""
    failure = Failure(kind, "no such layer", "AttributeError", "Traceback:\n  ...")
    assert Failure.from_json(json.loads(json.dumps(failure.to_json()))) == failure


@pytest.mark.parametrize("metric", [0.5, torch.tensor(0.5), np.float32(0.5), {"default": torch.tensor(0.5)}])
def test_read_metric_accepts_numbers(metric: Any) -> None:
    """Plain numbers, 0-dim tensors, numpy scalars and mappings of them become floats by name."""
    assert read_metric(metric) == {"default": 0.5}
    assert type(read_metric(metric)["default"]) is float


def test_read_metric_keeps_every_name() -> None:
    """A mapping keeps its other entries, in order."""
    assert list(read_metric({"loss": 2, "default": 1}).items()) == [("loss", 2.0), ("default", 1.0)]


def test_read_metric_needs_a_default() -> None:
    """A mapping without ``default`` cannot be compared."""
    with pytest.raises(EvaluationError, match="has no 'default'"):
        read_metric({"accuracy": 0.5})


@pytest.mark.parametrize("metric", [None, "good", [0.5, 0.6], torch.ones(2), {"default": None}])
def test_read_metric_refuses_the_rest(metric: Any) -> None:
    """What is no number is refused with what was reported."""
    with pytest.raises(EvaluationError, match="is not a number"):
        read_metric(metric)


def test_is_finite() -> None:
    """One NaN or infinity among the metrics is enough."""
    assert is_finite({"default": 1.0, "loss": 0.0})
    assert not is_finite({"default": 1.0, "loss": math.nan})
    assert not is_finite({"default": -math.inf})
