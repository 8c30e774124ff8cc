from __future__ import annotations

import math
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retix.errors import StoreError
from retix.space import Sample
from retix.store.info import OptimizeMode
from retix.store.row import TRIAL_COLUMNS, trial_from_row, trial_to_row, write_json
from retix.store.schema import TABLES
from retix.trial import Failure, FailureKind, Trial, TrialState

# Also lone surrogates, which have no UTF-8 form and come from broken file names.
texts = st.text(st.characters(exclude_categories=()), max_size=8)
finite = st.floats(allow_nan=False)
answers = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
failures = st.builds(Failure, st.sampled_from(FailureKind), texts, st.none() | texts, texts)
trials = st.builds(
    Trial,
    id=st.integers(1, 2**63 - 1),
    sample=st.builds(Sample, st.dictionaries(texts, answers | st.lists(answers, max_size=3), max_size=4)),
    state=st.sampled_from(TrialState),
    metrics=st.dictionaries(texts | st.just("default"), finite, max_size=3),
    digest=st.none() | st.just("0f3c"),
    parent=st.none() | st.integers(1, 9),
    duplicate_of=st.none() | st.integers(1, 9),
    failure=st.none() | failures,
    created=finite,
    started=st.none() | finite,
    ended=st.none() | finite,
    attempts=st.integers(0, 9),
    inherit=st.booleans(),
    waits_for=st.text(max_size=8),
    steps=st.integers(0, 9),
)


@given(trials, st.sampled_from(["maximize", "minimize"]))
def test_a_trial_survives_the_database(trial: Trial, mode: OptimizeMode) -> None:
    """Whatever a trial holds, SQLite gives the same trial back, its sample in the same order."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLES)
    row = trial_to_row(trial, mode)
    connection.execute(f"INSERT INTO trial VALUES ({', '.join('?' * len(row))})", row)
    stored = connection.execute(f"SELECT {', '.join(TRIAL_COLUMNS)} FROM trial").fetchone()
    connection.close()
    assert trial_from_row(stored) == trial
    assert list(trial_from_row(stored).sample) == list(trial.sample)
    assert stored == row


def test_a_metric_that_is_no_number_has_no_cost() -> None:
    """NaN takes no place among the best, whichever way they are sorted."""
    trial = Trial(1, Sample(), metrics={"default": math.nan})
    assert trial_to_row(trial, "maximize")[TRIAL_COLUMNS.index("cost")] is None


def test_what_has_no_json_form_is_refused() -> None:
    """The message says what could not be written."""
    with pytest.raises(StoreError, match="the config cannot be written as JSON"):
        write_json({"model": object()}, "the config")
