"""Choices among layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from retix.space import Decision


def test_list_of_candidates() -> None:
    """Candidates of a list go by their index as a string, and the first is called until one is chosen."""
    choice = nn.LayerChoice([nn.Linear(2, 3), nn.Linear(2, 3, bias=False)], label="fc")
    x = torch.ones(1, 2)
    assert choice.names == ["0", "1"]
    assert torch.equal(choice(x), choice[0](x))
    assert choice.decision("fc") == Decision("fc", ("0", "1"))
    assert list(choice.state_dict()) == ["0.weight", "0.bias", "1.weight"]


def test_dict_of_candidates() -> None:
    """Candidates of a dict go by their keys, in order, and are attributes of the choice."""
    relu, tanh = nn.ReLU(), nn.Tanh()
    choice = nn.LayerChoice({"b": relu, "a": tanh})
    assert choice.candidates == {"b": relu, "a": tanh}
    assert (choice["a"], choice[0], choice[-1]) == (tanh, relu, tanh)
    assert list(choice) == [relu, tanh]
    assert len(choice) == 2
    assert choice.get_submodule("a") is tanh
    assert choice.label is None


def test_nested_and_iterables() -> None:
    """A candidate may be a choice itself, and candidates may come from a generator or a ModuleList."""
    inner = nn.LayerChoice(nn.ReLU() for _ in range(2))
    outer = nn.LayerChoice(nn.ModuleList([inner, nn.Identity()]))
    assert outer[0] is inner
    assert torch.equal(outer(torch.tensor([-1.0])), torch.tensor([0.0]))


def test_prior() -> None:
    """The prior becomes the weights of the decision."""
    choice = nn.LayerChoice([nn.ReLU(), nn.Tanh()], prior=[1, 3])
    assert choice.decision("x").weights == (1, 3)
    for prior in ([1], [1, -1], [0, 0]):
        with pytest.raises(SpaceError, match="the prior of the choice"):
            nn.LayerChoice([nn.ReLU(), nn.Tanh()], prior=prior)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "has no candidates"),
        ({}, "has no candidates"),
        ([nn.ReLU(), torch.relu], "candidate '1' of the layer choice 'op' is .*which is no module"),
        ([nn.ReLU], "candidate '0' .* is no module"),
        ({"a": None}, "candidate 'a' .* is None, which is no module"),
        ({"a.b": nn.ReLU()}, "'a.b' cannot name a candidate of the layer choice 'op'"),
        ({"": nn.ReLU()}, "'' cannot name a candidate"),
        ({"forward": nn.ReLU()}, "'forward' cannot name a candidate"),
        ({"label": nn.ReLU()}, "'label' cannot name a candidate"),
        ({1: nn.ReLU()}, "1 cannot name a candidate"),
    ],
)
def test_refused_candidates(candidates: Any, message: str) -> None:
    """What can be no candidate is named, with its choice."""
    with pytest.raises(SpaceError, match=message):
        nn.LayerChoice(candidates, label="op")


def test_unknown_candidates() -> None:
    """Asking for a candidate that does not exist fails like a dict or a list."""
    choice = nn.LayerChoice([nn.ReLU()])
    with pytest.raises(KeyError):
        choice["nope"]
    with pytest.raises(IndexError):
        choice[1]


def test_repr_shows_the_label() -> None:
    """The label is part of how a model prints."""
    assert repr(nn.LayerChoice([nn.ReLU()], label="act")).startswith("LayerChoice(\n  label='act'")
