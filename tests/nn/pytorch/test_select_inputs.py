"""Tensors that are taken where a condition holds, and chosen ones."""

from __future__ import annotations

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError

A, B, C = torch.full((1, 2), 1.0), torch.full((1, 2), 2.0), torch.full((1, 2), 4.0)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("sum", A + C), ("mean", (A + C) / 2), ("concat", torch.cat([A, C], 1))],
)
def test_reductions(reduction: str, expected: torch.Tensor) -> None:
    """The tensors whose condition holds by default are reduced, as fixed ones are."""
    number = nn.ValueChoice([1, 2], label="n")
    select = nn.SelectInputs([True, number > 1, number < 2], reduction)
    assert torch.equal(select([A, B, C]), expected)
    assert torch.equal(nn.fix(torch.nn.Sequential(select), {"n": 1})([A, B, C]), expected)
    assert torch.equal(nn.ChosenInputs([0, 2], reduction)([A, B, C]), expected)


def test_one_and_none() -> None:
    """Exactly one tensor is itself; 'none' gives the list."""
    number = nn.ValueChoice([1, 2], label="n")
    assert torch.equal(nn.SelectInputs([number == 2, number == 1], "one")([A, B]), B)
    assert nn.SelectInputs([number == 2, True], "none")([A, B]) == [B]
    fixed = nn.fix(torch.nn.Sequential(nn.SelectInputs([number == 2, number == 1], "one")), {"n": 2})
    assert torch.equal(fixed([A, B]), A)
    assert nn.ChosenInputs(1, "none")([A, B]) == [B]


def test_refused() -> None:
    """Unknown reductions, and another number of tensors than of conditions, are refused with the user's line."""
    for make in (
        lambda: nn.SelectInputs([True], "max"),
        lambda: nn.ChosenInputs([0], "one"),
        lambda: nn.SelectInputs([True])([A, B]),
    ):
        with pytest.raises(SpaceError) as caught:
            make()
        assert "test_select_inputs.py:" in str(caught.value.where)
