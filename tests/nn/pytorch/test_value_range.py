"""Choices among the numbers of a range."""

from __future__ import annotations

import copy
import math
import pickle
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import retix.nn.pytorch as nn
from retix import ModelSpace, fixed_arch
from retix.errors import SpaceError
from retix.nn.pytorch.value_range import list_numbers


@pytest.mark.parametrize(
    ("range_", "candidates"),
    [
        (nn.ValueRange(2, 5), [2, 3, 4, 5]),
        (nn.ValueRange(16, 64, step=16), [16, 32, 48, 64]),
        (nn.ValueRange(1, 10, step=4), [1, 5, 9]),
        (nn.ValueRange(0, 100, points=5), [0, 25, 50, 75, 100]),
        (nn.ValueRange(8, 128, log=True, points=5), [8, 16, 32, 64, 128]),
        (nn.ValueRange(1, 4, log=True), [1, 2, 3, 4]),
        (nn.ValueRange(0.0, 0.5, step=0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (nn.ValueRange(0, 1, step=0.25), [0.0, 0.25, 0.5, 0.75, 1.0]),
        (nn.ValueRange(0.0, 1.0), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (nn.ValueRange(-1.0, 1, points=3), [-1.0, 0.0, 1.0]),
        (nn.ValueRange(1e-4, 1e-1, log=True, points=4), [1e-4, 1e-3, 1e-2, 1e-1]),
        (nn.ValueRange(0.123456789, 0.3, points=2), [0.123456789, 0.3]),
    ],
)
def test_candidates(range_: Any, candidates: list[Any]) -> None:
    """Numbers are evenly spaced or geometric, and ints where the range is given in ints."""
    assert range_.candidates == candidates
    assert [type(number) for number in range_.candidates] == [type(number) for number in candidates]
    assert range_.default() == candidates[0]


def test_learning_rates() -> None:
    """By default a geometric range of three decades has five numbers to a decade, ends included and readable."""
    rates = nn.ValueRange(1e-4, 1e-1, log=True, label="lr").candidates
    assert rates[:6] == [0.0001, 0.000158489, 0.000251189, 0.000398107, 0.000630957, 0.001]
    assert (len(rates), rates[-1]) == (16, 0.1)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.integers(1, 1000), st.floats(1e-6, 10)),
    st.one_of(st.integers(1, 1000), st.floats(1e-2, 1e3)),
    st.booleans(),
    st.one_of(st.none(), st.integers(2, 40)),
)
def test_numbers_rise_from_end_to_end(low: float, width: float, log: bool, points: int | None) -> None:
    """Candidates rise strictly from low to high, as many as asked for unless ints fall together, with even gaps."""
    high = low + width
    if width < low / 1000:
        return  # numbers of six digits would fall together, which is refused
    if type(low) is type(high) is int and points is not None and points > high - low + 1:
        return
    numbers = list_numbers(low, high, log=log, points=points)
    assert (numbers[0], numbers[-1]) == (low, high)
    assert all(left < right for left, right in pairwise(numbers))
    if type(low) is not type(high) or type(low) is float:
        assert len(numbers) == (points or (16 if log else 11))
        gaps = [math.log(b / a) if log else b - a for a, b in pairwise(numbers)]
        slack = 2e-5 if log else 2e-5 * high
        assert max(gaps) - min(gaps) <= slack
    elif points is not None and not log:
        assert len(numbers) == points


def test_it_is_a_value_choice() -> None:
    """It computes, is copied, pickled, labelled and fixed like one, and equal ranges of one label are one decision."""
    width = nn.ValueRange(2, 6, step=2, label="width")
    assert isinstance(width, nn.ValueChoice)
    assert (width * 2).evaluate({"width": 6}) == 12
    assert copy.deepcopy(width).decision == width.decision == pickle.loads(pickle.dumps(width)).decision
    assert repr(width) == "ValueChoice([2, 4, 6], label='width')"
    with fixed_arch({"width": 4}):
        assert nn.ValueRange(2, 6, step=2, label="width") == 4


def test_in_a_model() -> None:
    """A layer takes it, the space counts and asks its numbers, and the code has the one that was chosen."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = nn.ValueRange(4, 8, step=2)
            self.hidden = nn.Linear(3, width)
            self.dropout = nn.Dropout(nn.ValueRange(0.0, 0.5, points=3))
            self.head = nn.Linear(width, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.dropout(self.hidden(x)))

    space = ModelSpace(Net(), example_inputs=torch.zeros(1, 3))
    assert space.size == 9
    labels = [decision.label for decision in space.decisions]
    text = space.source({labels[0]: 6, labels[1]: 0.25}).text
    assert "nn.Linear(3, 6)" in text
    assert "nn.Dropout(0.25)" in text
    assert ModelSpace.from_json(space.to_json()).size == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 2, "high": 2}, "holds nothing to choose from"),
        ({"low": 2, "high": 1}, "holds nothing to choose from"),
        ({"low": 0.0, "high": math.inf}, "inf is no finite number"),
        ({"low": "1", "high": 2}, "'1' is no finite number"),
        ({"low": False, "high": 2}, "False is no finite number"),
        ({"low": 0.0, "high": 1.0, "log": True}, "begins at 0.0"),
        ({"low": 1, "high": 2, "step": 1, "points": 2}, "is given a step and points"),
        ({"low": 1, "high": 2, "step": 1, "log": True}, "is given a step and log"),
        ({"low": 1, "high": 2, "step": 0}, "is 0"),
        ({"low": 1, "high": 2, "step": -0.5}, "is -0.5"),
        ({"low": 1, "high": 2, "step": 3}, "is 3"),
        ({"low": 0, "high": 10**6}, "more than 10,000 candidates"),
        ({"low": 0.0, "high": 1.0, "points": 1}, "are 1"),
        ({"low": 0.0, "high": 1.0, "points": 2.0}, "are 2.0"),
        ({"low": 0, "high": 1, "points": 11}, "there are 2 whole numbers from 0 to 1, and 11 points are wanted"),
        ({"low": 100.0, "high": 100.001, "points": 11}, "too close to tell them apart"),
    ],
)
def test_bad_ranges(arguments: dict[str, Any], message: str) -> None:
    """What is no range is refused where it is written."""
    low, high, rest = arguments["low"], arguments["high"], {k: v for k, v in arguments.items() if k not in "lowhigh"}
    with pytest.raises(SpaceError, match=message) as caught:
        nn.ValueRange(low, high, **rest)
    assert "test_value_range.py" in str(caught.value.where)
