"""The modules at the paths that NNI's users type."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import retix
from retix.compat import convert_to_graph, model_to_pytorch_script, preprocess_model
from tests.test_floors import DOORS

MODULES = sorted(f"retix.{name.replace('/', '.')}" for name in DOORS - {"__init__", "__main__"})


@pytest.mark.parametrize("path", MODULES)
def test_a_door_gives_what_it_lists(path: str) -> None:
    """Every name of its list is there."""
    door = importlib.import_module(path)
    for name in getattr(door, "__all__", ()):
        assert getattr(door, name) is not None


def test_a_name_is_one_thing() -> None:
    """Whichever door it comes through."""
    strategies = importlib.import_module("retix.strategy")
    for path, name, thing in [
        ("retix.graph", "Model", retix.Model),
        ("retix.mutator", "Mutator", retix.Mutator),
        ("retix.fixed", "fixed_arch", retix.fixed_arch),
        ("retix.execution.api", "submit_models", retix.submit_models),
        ("retix.execution", "wait_models", retix.wait_models),
        ("retix.strategy.base", "BaseStrategy", strategies.BaseStrategy),
        ("retix.strategy.bruteforce", "Random", strategies.RandomStrategy),
        ("retix.converter", "convert_to_graph", convert_to_graph),
        ("retix.codegen", "model_to_pytorch_script", model_to_pytorch_script),
        ("retix.experiment.pytorch", "preprocess_model", preprocess_model),
        ("retix.nn.pytorch.nn", "Conv2d", importlib.import_module("retix.nn.pytorch").Conv2d),
    ]:
        assert getattr(importlib.import_module(path), name) is thing


@pytest.mark.parametrize("order", [("retix.utils", "retix"), ("retix.execution.api", "retix.strategy")])
def test_doors_open_first(order: tuple[str, str]) -> None:
    """A script may begin with any of them."""
    code = "; ".join(f"import {path}" for path in order)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
