"""The example of hyper-parameters: its space, and one of its models with one of its evaluators."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch

from retix import ModelSpace

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "hyperparameters.py"


def load_example() -> Any:
    """The example as a module; nothing is searched."""
    spec = importlib.util.spec_from_file_location("hyperparameters_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_architecture_and_settings_are_one_space() -> None:
    """A sample decides the network and how it is trained; the shared label is one decision."""
    example = load_example()
    space = ModelSpace(example.Net(), evaluator=example.make_evaluator())
    architectures, rates, batches, epochs, clips = 4 * 2 * 3 * 3, 5 + 5, 3, 3, 2
    assert space.size == architectures * rates * batches * epochs * clips
    sample = space.complete({"optimizer": "torch.optim.sgd.SGD", "sgd_rate": 1.0, "depth": 1, "regularization": 0.4})
    evaluator: Any = space.fill_evaluator(sample)
    (group,) = evaluator.module.optimizer([torch.zeros(1, requires_grad=True)], lr=1.0).param_groups
    assert (group["lr"], evaluator.trainer.max_epochs) == (1.0, 2)
    assert "adam_rate" not in sample
    assert space.instantiate(sample)(torch.zeros(3, 64)).shape == (3, 10)
    assert "nn.Dropout(0.4)" in space.source(sample).text
