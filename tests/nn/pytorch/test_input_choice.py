"""Choices among tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from retix.space import Decision

TENSORS = [torch.full((2, 3), float(number)) for number in (1, 2, 6)]


@pytest.mark.parametrize(
    ("n_chosen", "reduction", "expected"),
    [
        (1, "sum", TENSORS[0]),
        (1, "mean", TENSORS[0]),
        (1, "concat", TENSORS[0]),
        (None, "mean", TENSORS[0]),
        (3, "sum", torch.full((2, 3), 9.0)),
        (3, "mean", torch.full((2, 3), 3.0)),
        (2, "concat", torch.cat(TENSORS[:2], 1)),
    ],
)
def test_first_ones_go_on(n_chosen: int | None, reduction: str, expected: torch.Tensor) -> None:
    """Until it is chosen, the first tensors are reduced."""
    assert torch.equal(nn.InputChoice(3, n_chosen, reduction)(TENSORS), expected)


@pytest.mark.parametrize("n_chosen", [1, 2])
def test_no_reduction(n_chosen: int) -> None:
    """Without a reduction the result is a list, of one tensor too."""
    result = nn.InputChoice(n_chosen=n_chosen, reduction="none")(tuple(TENSORS))
    assert isinstance(result, list)
    assert all(a is b for a, b in zip(result, TENSORS[:n_chosen], strict=True))


def test_decision() -> None:
    """The decision is about indices; None stands for any number of them, and the prior becomes the weights."""
    assert nn.InputChoice(3).decision("i", 3) == Decision("i", (0, 1, 2), 1)
    assert nn.InputChoice(n_chosen=None).decision("i", 2) == Decision("i", (0, 1), -1)
    assert nn.InputChoice(2, prior=[1, 2]).decision("i", 2).weights == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_candidates": 2, "n_chosen": 3}, "picks 3 of 2 candidates"),
        ({"n_candidates": 2, "n_chosen": 0}, "picks 0 of 2 candidates"),
        ({"n_candidates": 0}, "has no candidates"),
        ({"reduction": "max"}, "the input choice 'skip' has the reduction 'max'"),
        ({"n_candidates": 2, "prior": [1]}, "the prior of the choice 'skip'"),
    ],
)
def test_refused_settings(arguments: dict[str, Any], message: str) -> None:
    """Settings without meaning are refused when the choice is made."""
    with pytest.raises(SpaceError, match=message):
        nn.InputChoice(**arguments, label="skip")


def test_wrong_number_of_tensors() -> None:
    """A call with another number of tensors, or with too few, is refused."""
    with pytest.raises(SpaceError, match="'skip' was made for 2 tensors and is called with 3"):
        nn.InputChoice(2, label="skip")(TENSORS)
    with pytest.raises(SpaceError, match="'skip' picks 4 of 3 candidates"):
        nn.InputChoice(n_chosen=4, label="skip")(TENSORS)
    with pytest.raises(SpaceError, match="'skip' has no candidates"):
        nn.InputChoice(label="skip")([])


def test_repr_shows_the_settings() -> None:
    """The settings are part of how a model prints."""
    assert repr(nn.InputChoice(2, label="skip")) == (
        "InputChoice(n_candidates=2, n_chosen=1, reduction='sum', label='skip')"
    )
