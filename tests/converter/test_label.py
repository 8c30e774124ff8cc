"""Labels for choices that the user gave none."""

from __future__ import annotations

from typing import Any

import torch

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.mutation import MutationSpace
from retix.nn.pytorch import LabelBook


def test_own_label_stays() -> None:
    """A label of the user's is taken as it is."""
    assert LabelBook().name("mine", "net.choice", "1") == "mine"


def test_one_choice_has_one_name() -> None:
    """A choice is named after the place where it is first met; another one there gets a number."""
    book = LabelBook()
    assert [book.name(None, *item) for item in (("a", "1"), ("b", "1"), ("a", "2"))] == ["a", "a", "a_1"]


def test_choices_in_an_expression() -> None:
    """A choice that stands twice in an expression is one choice."""
    width = nn.ValueChoice([2, 4])
    named = LabelBook().name_choices((width * width).to_json(), "fc.out_features")
    labels = [item["choice"]["label"] for item in named["to"]]
    assert labels == ["fc.out_features"] * 2


def test_automatic_labels_avoid_the_users() -> None:
    """A path that the user has given as a label elsewhere names no other choice."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.LayerChoice([nn.ReLU(), nn.Tanh()])
            self.second = nn.LayerChoice([nn.ReLU(), nn.Tanh(), nn.Sigmoid()], label="first")

        def forward(self, x: torch.Tensor) -> Any:
            return self.second(self.first(x))

    space = MutationSpace(convert(Net(), torch.randn(2, 3)))
    assert set(space.complete({})) == {"first", "first_1"}
