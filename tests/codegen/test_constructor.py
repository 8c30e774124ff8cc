"""Arguments of constructors, where people put them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from retix.codegen import constructor
from retix.codegen.constructor import argument_names, arrange, default_arguments
from retix.codegen.imports import Imports
from retix.codegen.literal import write_module
from retix.ir import Module, Symbol


def written(type: str, *args: Any, **kwargs: Any) -> str:
    """The arranged call as text."""
    return write_module(arrange(Module(type, args, kwargs)), Imports({})).text


def test_first_arguments_stand_by_position() -> None:
    """Sizes come by position, the rest by keyword, and what says nothing is left out."""
    conv = {"in_channels": 3, "out_channels": 8, "kernel_size": 3, "padding": 1}
    assert written("torch.nn.Conv2d", **conv) == "nn.Conv2d(3, 8, 3, padding=1)"
    assert written("torch.nn.LayerNorm", normalized_shape=(16,), eps=1e-6) == "nn.LayerNorm(16, eps=1e-06)"
    assert written("torch.nn.LayerNorm", normalized_shape=(4, 4)) == "nn.LayerNorm((4, 4))"
    assert written("torch.nn.MaxPool2d", kernel_size=2, stride=2) == "nn.MaxPool2d(2)"
    assert written("torch.nn.MaxPool2d", kernel_size=3, stride=1) == "nn.MaxPool2d(3, stride=1)"
    assert written("torch.nn.Linear", out_features=2) == "nn.Linear(out_features=2)"
    assert written("users.Conv2d", in_channels=3) == "Conv2d(in_channels=3)"


def test_tensors_are_made_as_people_make_them() -> None:
    """Sizes are spread, and a dtype that torch would take anyway is left out."""
    assert written("torch.zeros", (1, 2)) == "torch.zeros(1, 2)"
    assert written("torch.zeros", ()) == "torch.zeros(())"
    assert written("torch.tensor", [1, 2], dtype=Symbol("torch.int64")) == "torch.tensor([1, 2])"
    assert written("torch.tensor", [1.0], dtype=Symbol("torch.int64")) == "torch.tensor([1.0], dtype=torch.int64)"
    assert written("torch.tensor", [True], dtype=Symbol("torch.int64")) == "torch.tensor([True], dtype=torch.int64)"


def test_numbers_of_32_bits_are_short() -> None:
    """A number is written with as few digits as give the same tensor, and a mean that is zero not at all."""
    values = torch.tensor([0.485, 1e-6, 1 / 3, float("inf"), -0.0])
    text = written("torch.tensor", values.tolist())
    assert text == 'torch.tensor([0.485, 1e-06, 0.33333334, float("inf"), -0.0])'
    assert torch.equal(eval(text), values)
    assert written("torch.full", (2,), 0.10000000149011612) == "torch.full((2,), 0.1)"
    wide = Symbol("torch.float64")
    assert written("torch.tensor", 0.10000000149011612, dtype=wide).startswith("torch.tensor(0.10000000149011612,")
    empty = Module("torch.empty", (3,))
    assert written("torch.nn.init.normal_", empty, 0.0, 0.02) == "nn.init.normal_(torch.empty(3), std=0.02)"
    assert written("torch.nn.init.normal_", empty, 0.5, 0.02) == "nn.init.normal_(torch.empty(3), 0.5, 0.02)"


@pytest.mark.parametrize("name", sorted(constructor._POSITIONAL))
def test_positions_are_torchs(name: str) -> None:
    """The arguments that are written by position are the first parameters of torch's class, in its order."""
    cls = getattr(torch.nn, name)
    if name in ("LSTM", "GRU", "RNN"):
        return  # they take *args
    parameters = list(inspect.signature(cls).parameters)
    names = argument_names(Module(f"torch.nn.{name}"))
    assert tuple(parameters[: len(names)]) == names


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "Conv3d", "Linear"])
def test_defaults_are_torchs(name: str) -> None:
    """What is taken for a default is the default of torch's class."""
    arguments = (1,) * len(argument_names(Module(f"torch.nn.{name}")))
    parameters = inspect.signature(getattr(torch.nn, name)).parameters
    defaults = default_arguments(Module(f"torch.nn.{name}", arguments))
    assert defaults
    assert all(parameters[key].default == value for key, value in defaults.items())
