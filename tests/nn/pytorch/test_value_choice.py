"""Choices among values."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from retix.recipe import recipe_of
from retix.space import expression_from_json
from tests.nn.pytorch.modules import Net


def test_first_candidate_stands_in() -> None:
    """A layer is built with the first candidate, and what is computed from a choice follows it."""
    width = nn.ValueChoice([6, 12])
    layers = [
        nn.Linear(2, width),
        nn.Linear(width, width // 2),
        nn.BatchNorm1d(width - 1),
        nn.Conv1d(1, abs(-width), 3),
    ]
    assert [next(layer.parameters()).shape[0] for layer in layers] == [6, 3, 5, 6]
    assert nn.Linear(2, round(width * 0.25)).out_features == 2
    assert nn.Conv2d(1, 1, (nn.ValueChoice([3, 5]), 1)).kernel_size == (3, 1)
    assert nn.Linear(2, nn.ValueChoice([[4, 5], [6]])[0]).out_features == 4


def test_candidates_prior_and_label() -> None:
    """What the user gave can be read again."""
    choice = nn.ValueChoice(("a", None, True, [1, 2]), prior=[1, 1, 2, 0], label="x")
    assert choice.candidates == ["a", None, True, (1, 2)]
    assert choice.decision.weights == (1, 1, 2, 0)
    assert choice.decision.label == choice.label == "x"
    assert repr(choice) == "ValueChoice(['a', None, True, (1, 2)], label='x')"


def test_identity_without_a_label() -> None:
    """Choices without labels are different decisions; copies of one are the same, also once it is gone."""
    choice = nn.ValueChoice([1, 2])
    twin = copy.deepcopy(choice)
    label = choice.decision.label
    assert twin.decision.label == label
    assert choice.label is None
    del choice
    assert label not in {nn.ValueChoice([1, 2]).decision.label for _ in range(100)}


def test_copied_layers_share_their_choice() -> None:
    """Copies of a layer go on to depend on the same decision."""
    layer = nn.Linear(2, nn.ValueChoice([3, 4]))
    recipes = [recipe_of(item) for item in (layer, copy.deepcopy(layer))]
    decisions = [next(recipe.args[1].decisions()) for recipe in recipes if recipe is not None]
    assert decisions[0] == decisions[1]


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "has no candidates"),
        ([1, 1], "has the candidate 1 more than once"),
        ([object()], "cannot be written as JSON"),
        ([float("nan")], "cannot be written as JSON"),
    ],
)
def test_refused_candidates(candidates: list[Any], message: str) -> None:
    """Candidates have to be different JSON values."""
    with pytest.raises(SpaceError, match=message):
        nn.ValueChoice(candidates, label="x")


PLAIN: dict[str, Callable[[Any], Any]] = {
    "Linear in": lambda v: torch.nn.Linear(v, 3),
    "Linear out": lambda v: torch.nn.Linear(3, v),
    "Conv2d out": lambda v: torch.nn.Conv2d(3, v, 3),
    "Conv2d kernel": lambda v: torch.nn.Conv2d(3, 4, v),
    "BatchNorm2d": lambda v: torch.nn.BatchNorm2d(v),
    "Dropout": lambda v: torch.nn.Dropout(v),
    "Embedding": lambda v: torch.nn.Embedding(v, 3),
    "arithmetic": lambda v: torch.nn.Linear(3, v * 2),
    "range": lambda v: list(range(v)),
    "if": lambda v: 1 if v else 2,
    "iteration": lambda v: list(v),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_layers_cannot_hold_a_choice(name: str) -> None:
    """Torch's own layers, and Python where it needs a number, are answered with what to do."""
    with pytest.raises(SpaceError, match="is used where a plain number is needed") as caught:
        PLAIN[name](nn.ValueChoice([4, 8], label="width"))
    assert "retix.nn.pytorch instead of torch.nn" in (caught.value.fix or "")


def test_choices_as_attributes() -> None:
    """A model may keep a choice as an attribute, and runs with every choice open."""
    model = Net()
    assert model.width.candidates == [4, 8]
    assert model(torch.ones(2, 3)).shape == (2, 2)


def test_dicts_lists_and_strings() -> None:
    """Candidates may be nested, and computing goes into them."""
    choice = nn.ValueChoice([{"a": 3, "b": [3, 4], "in": 1.5}, {"a": 4, "b": [4, 5], "in": 2.5}], label="vc")
    value = round(choice["b"][0] * choice["in"])
    assert value.evaluate({"vc": choice.candidates[1]}) == 10
    assert value.default() == 4
    word = nn.ValueChoice(["cat", "dog"], label="word")
    assert (word + "s").evaluate({"word": "dog"}) == "dogs"
    with pytest.raises(TypeError, match="fails on") as caught:
        word + 1
    assert "test_value_choice.py:" in str(caught.value)


def test_classes_as_candidates() -> None:
    """Classes and functions go by their names in samples, and are themselves in the model."""
    choice = nn.ValueChoice([torch.nn.ReLU, torch.nn.Tanh], label="act")
    assert choice.decision.candidates == ("torch.nn.modules.activation.ReLU", "torch.nn.modules.activation.Tanh")
    assert choice.default() is torch.nn.ReLU
    assert choice.evaluate({"act": "torch.nn.modules.activation.Tanh"}) is torch.nn.Tanh
    assert choice.evaluate({"act": torch.nn.Tanh}) is torch.nn.Tanh
    again = expression_from_json(json.loads(json.dumps(choice.to_json())))
    assert again.evaluate({"act": "torch.nn.modules.activation.Tanh"}) is torch.nn.Tanh
    with pytest.raises(SpaceError, match="has no importable name"):
        nn.ValueChoice([lambda x: x], label="f").to_json()
