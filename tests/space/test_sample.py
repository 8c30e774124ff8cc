"""Samples: frozen, hashable, equal by content, and JSON."""

from __future__ import annotations

import json
import pickle

import pytest

from retix.errors import SpaceError
from retix.space import Sample


def test_sample_is_a_mapping() -> None:
    """Labels lead to answers, lists frozen to tuples, in the order given."""
    sample = Sample({"conv": "0", "skip": [0, 2]})
    assert dict(sample) == {"conv": "0", "skip": (0, 2)}
    assert list(sample) == ["conv", "skip"]
    assert len(sample) == 2
    assert "hidden" not in sample


def test_equality_ignores_order() -> None:
    """The same answers make the same sample, with the same hash and key."""
    left, right = Sample({"a": 1, "b": [1, 2]}), Sample({"b": (1, 2), "a": 1})
    assert left == right
    assert hash(left) == hash(right)
    assert left.key == right.key


def test_equality_is_that_of_json() -> None:
    """Unlike in a dict, 1, 1.0, True and "1" are four answers."""
    assert len({Sample({"a": value}) for value in (1, 1.0, True, "1")}) == 4


def test_sample_is_no_dict() -> None:
    """A sample equals samples alone, because a dict tells 1 from True no more."""
    assert Sample({"a": 1}) != {"a": 1}


def test_sample_is_frozen() -> None:
    """Neither an answer nor an attribute can be set, and the source mapping is copied."""
    answers = {"a": [1]}
    sample = Sample(answers)
    answers["a"].append(2)
    assert sample["a"] == (1,)
    with pytest.raises(TypeError):
        sample["a"] = 2  # type: ignore[index]  # the point of the test
    with pytest.raises(AttributeError):
        sample.colour = "red"  # type: ignore[attr-defined]  # the point of the test


def test_round_trips() -> None:
    """JSON text and pickle give an equal sample."""
    sample = Sample({"a": [1, [2.5]], "b": None, "c": "x", "d": True})
    assert Sample(json.loads(json.dumps(sample.to_json()))) == sample
    assert pickle.loads(pickle.dumps(sample)) == sample


def test_sample_refuses_what_json_cannot_hold() -> None:
    """An answer without a JSON form is refused at once."""
    with pytest.raises(SpaceError, match="cannot be written as JSON"):
        Sample({"a": object()})


def test_repr() -> None:
    """Names that read as Python are written as keywords, others as a dict."""
    assert repr(Sample({"a": 1, "b": "x"})) == "Sample(a=1, b='x')"
    assert repr(Sample({"cell/0": 1})) == "Sample({'cell/0': 1})"
    assert repr(Sample()) == "Sample()"
