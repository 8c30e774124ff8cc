"""The public door: exactly these names, each of which can be imported, and nothing heavy behind the first step."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import retix

PUBLIC = [
    "DebugEvaluator",
    "Edge",
    "Evaluator",
    "FailurePolicy",
    "FunctionalEvaluator",
    "Graph",
    "IllegalGraphError",
    "InvalidMutation",
    "Limit",
    "Model",
    "ModelSpace",
    "ModelStatus",
    "Mutation",
    "Mutator",
    "Node",
    "Objective",
    "Operation",
    "ProxyEvaluator",
    "RayService",
    "RecordedExperiment",
    "RetiariiExeConfig",
    "RetiariiExperiment",
    "Sampler",
    "TrainingService",
    "basic_unit",
    "budget_exhausted",
    "constraint",
    "continue_from_checkpoint",
    "debug_mutated_model",
    "dump",
    "fixed_arch",
    "is_stopped_exec",
    "list_models",
    "load",
    "model_wrapper",
    "query_available_resources",
    "report_final_result",
    "report_intermediate_result",
    "serialize",
    "serialize_cls",
    "submit_models",
    "trace",
    "wait_models",
]

# The paths that NNI's users type, with what they import from there.
DOORS = {
    "retix.nn.pytorch": ["Conv2d", "InputChoice", "LayerChoice", "Linear", "Module", "Sequential", "ValueChoice"],
    "retix.evaluator.pytorch": [
        "Classification",
        "DataLoader",
        "Lightning",
        "LightningModule",
        "Regression",
        "Trainer",
    ],
    "retix.evaluator.pytorch.lightning": ["Classification", "DataLoader", "Lightning", "LightningModule", "Trainer"],
    "retix.experiment.pytorch": ["RetiariiExeConfig", "RetiariiExperiment"],
    "retix.serializer": ["basic_unit", "model_wrapper", "serialize", "serialize_cls", "trace"],
    "retix.strategy": [
        *("Chain", "Constrained", "Dedup", "GP", "GridSearch", "LocalSearch", "NSGA2", "Random"),
        *("Ranked", "RegularizedEvolution", "TPE", "WarmStart"),
    ],
    "retix.stopping": ["ASHA", "EarlyStopping", "Hyperband", "MedianStopping", "Patience"],
    "retix.measures": ["Latency", "Measure", "ProxyEvaluator"],
    "retix.testing": ["EarlyStoppingContract", "StrategyContract"],
}


def test_the_list_of_names() -> None:
    """No name comes or goes unnoticed."""
    assert sorted(retix.__all__) == PUBLIC
    assert dir(retix) == sorted([*PUBLIC, "__version__"])


@pytest.mark.parametrize("name", PUBLIC)
def test_each_name_can_be_imported(name: str) -> None:
    """It is what its home calls by that name."""
    found = getattr(retix, name)
    assert found is getattr(importlib.import_module(found.__module__), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="module 'retix' has no attribute 'LayerChoice'"):
        retix.LayerChoice  # noqa: B018  # looking it up is the point


@pytest.mark.parametrize("path", DOORS)
def test_the_deep_doors(path: str) -> None:
    """Each gives what NNI's users import from it, under names that it lists."""
    door = importlib.import_module(path)
    for name in DOORS[path]:
        assert name in door.__all__
        assert getattr(door, name).__name__ == name


def test_the_deep_doors_lead_to_the_same_things() -> None:
    """A name is one thing, whichever door it comes through."""
    assert importlib.import_module("retix.experiment.pytorch").RetiariiExperiment is retix.RetiariiExperiment
    assert importlib.import_module("retix.serializer").serialize is retix.serialize
    shallow, deep = (importlib.import_module(f"retix.evaluator.pytorch{end}") for end in ("", ".lightning"))
    assert shallow.Classification is deep.Classification


def test_importing_retix_loads_no_torch() -> None:
    """The first step costs nothing."""
    code = "import sys, retix; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'pytorch_lightning')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
