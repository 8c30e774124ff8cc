"""Labels of choices that the user gave none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from retix.space import Constraint


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([2, 4])
        self.half = width // 2
        self.rule = Constraint(width < 4)
        self.layer = nn.Linear(width, 2)
        self.other = nn.Linear(2, nn.ValueChoice([2, 3]) + nn.ValueChoice([4, 5]))
        self.choice = nn.LayerChoice([nn.LayerChoice([nn.ReLU(), nn.Tanh()]), nn.ReLU()])
        self.named = nn.LayerChoice([nn.ReLU()], label="choice.0")
        self.rate = nn.ValueChoice([0.1, 0.2])
        self.lists = [nn.ValueChoice([1, 2]), {"a": nn.ValueChoice([1, 2])}]
        layer = nn.TransformerEncoderLayer(4, nn.ValueChoice([1, 2]), batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def test_labels_are_paths() -> None:
    """Choices go by their paths: of the module, the argument or the attribute; none equals a label of the user's."""
    labels = [decision.label for decision in nn.decisions_of(Net())]
    assert labels == [
        *("layer.in_features", "rate", "lists", "lists_1", "other.out_features", "other.out_features_1"),
        *("choice", "choice.0_1", "choice.0", "encoder.encoder_layer.nhead"),
    ]


def test_two_models_are_named_alike() -> None:
    """Labels know nothing of models made before, in the same process or another."""
    assert nn.decisions_of(Net()) == nn.decisions_of(Net())
    assert [rule.expression.decisions().__next__().label for rule in nn.constraints_of(Net())] == ["layer.in_features"]


def test_where_decisions_are_used() -> None:
    """Each decision comes with the places that depend on it."""
    uses = nn.dependents_of(Net())
    assert [path for label, path in uses if label == "layer.in_features"] == ["half", "layer.in_features"]
    assert ("choice.0_1", "choice.0") in uses


def test_contradictions() -> None:
    """One label for two lists of candidates is refused, of modules and of arguments."""
    layers = [nn.Linear(2, nn.ValueChoice(candidates, label="a")) for candidates in ([3, 5], [3, 6])]
    with pytest.raises(SpaceError, match="'a' stands for two different choices"):
        nn.decisions_of(torch.nn.Sequential(*layers))
    net = torch.nn.Sequential(nn.LayerChoice([nn.ReLU()], label="a"), nn.InputChoice(2, label="a"))
    with pytest.raises(SpaceError, match="'a' stands for two different choices"):
        nn.decisions_of(net)


@pytest.mark.parametrize("label", ["", "?x", 3])
def test_refused_labels(label: Any) -> None:
    """A label is a string that cannot be taken for an identity; the error names the user's line."""
    for make in (
        lambda: nn.LayerChoice([nn.ReLU()], label=label),
        lambda: nn.ValueChoice([1], label=label),
    ):
        with pytest.raises(SpaceError, match="cannot be the label") as caught:
            make()
        assert "test_label.py:" in str(caught.value.where)


def test_liveness_of_nested_choices() -> None:
    """A choice that is nested three deep is alive under all answers that lead to it, and never under others."""
    deep = nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="deep")
    middle = nn.LayerChoice({"a": deep, "b": nn.ReLU()}, label="middle")
    net = nn.Repeat(lambda index: nn.LayerChoice([middle, nn.ReLU()], label=f"outer{index}"), (1, 2), label="depth")
    (decision,) = (d for d in nn.decisions_of(net) if d.label == "deep")
    assert set(map(frozenset, decision.when)) == {
        frozenset({("outer0", "0"), ("middle", "a")}),
        frozenset({("depth", 2), ("outer1", "0"), ("middle", "a")}),
    }
