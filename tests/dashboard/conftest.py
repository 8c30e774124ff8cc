"""Experiments to serve, and ports to serve them on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from retix.space import Sample
from retix.store import Store
from retix.trial import Failure, FailureKind, Trial, TrialState

# Markup that would run a script, break out of an attribute, or end the table; half of a surrogate pair.
HOSTILE = "<script>alert(1)</script>\"'></td> & \udcff"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A running experiment whose every text is hostile."""
    config = {"max_trial_number": 8, "trial_concurrency": 2}
    with Store.create(tmp_path, name=HOSTILE, optimize_mode="minimize", config=config, versions={}) as store:
        sample = Sample({HOSTILE: HOSTILE})
        store.add_trial(Trial(1, sample, TrialState.SUCCEEDED, {"default": 0.25, "nan": float("nan")}))
        store.add_trial(Trial(2, sample, TrialState.DUPLICATE, {"default": 0.25}, duplicate_of=1))
        store.add_trial(Trial(3, sample, TrialState.FAILED, failure=Failure(FailureKind.RAISED, HOSTILE)))
        store.add_trial(Trial(4, sample, TrialState.RUNNING))
        yield store


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    return free
