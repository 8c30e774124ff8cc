"""Runs of leaves during a trace."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retix.converter.leaf_run import LeafRun, LeafRunner
from retix.recipe import basic_unit

nn = torch.nn
X = torch.linspace(-1, 1, 8).view(2, 4)


def _keep_nothing(tensor: torch.Tensor) -> None:
    raise AssertionError("a layer of torch writes to no parameter")


def _run(runner: LeafRunner, leaf: nn.Module, *args: Any) -> Any:
    return runner.run(0, leaf, leaf.forward, args, {})


def _know(leaf: nn.Module, *args: Any) -> LeafRun:
    return LeafRun(leaf, args, {}, leaf.eval()(*args), None, False)


def test_a_layer_runs_once_for_both_modes() -> None:
    """What a layer returned in one trace it returns in the next, if it is given the like."""
    layer = nn.Linear(4, 3)
    known = _know(layer, X)
    runner = LeafRunner(_keep_nothing, [known])
    assert _run(runner, layer, X * 2) is known.results
    assert _run(runner, layer, X[:1]).shape == (1, 3)
    assert _run(runner, layer, X.t().contiguous().t()) is not known.results
    assert _run(runner, nn.Linear(4, 3), X) is not known.results


def test_other_arguments_are_other_runs() -> None:
    """Plain arguments count with their values."""
    layer = nn.MaxUnpool1d(2)
    values, indices = torch.ones(1, 1, 2), torch.tensor([[[0, 2]]])
    known = LeafRun(layer, (values, indices, [1, 1, 4]), {}, layer(values, indices, [1, 1, 4]), None, False)
    runner = LeafRunner(_keep_nothing, [known])
    assert _run(runner, layer, values, indices, [1, 1, 4]) is known.results
    assert _run(runner, layer, values, indices, [1, 1, 5]).shape == (1, 1, 5)


def test_a_basic_unit_always_runs_and_may_write() -> None:
    """What a user's Python returns may depend on anything, and it may change its parameters."""

    @basic_unit
    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))
            self.modes: list[bool] = []

        def forward(self, x: Any) -> Any:
            self.modes.append(self.training)
            return x * self.weight

    unit = Unit()
    kept: list[torch.Tensor] = []
    runner = LeafRunner(kept.append, [LeafRun(unit, (X,), {}, X, None, False)], computes=False)
    assert torch.equal(_run(runner, unit, X), X)
    assert _run(runner, unit, X) is not X
    assert unit.modes == [True, True]  # in the mode that it is in
    assert kept[0] is unit.weight


def test_a_layer_that_writes_to_its_weight_says_so() -> None:
    """An embedding with a greatest norm is no pure layer."""
    kept: list[torch.Tensor] = []
    layer = nn.Embedding(3, 4, max_norm=1.0)
    _run(LeafRunner(kept.append), layer, torch.tensor([0]))
    assert kept[0] is layer.weight


def test_layers_keep_their_mode_and_statistics() -> None:
    """A layer runs in eval mode, and is in its own mode again afterwards."""
    layer = nn.BatchNorm1d(4)
    assert torch.equal(_run(LeafRunner(_keep_nothing), layer, X[:1]), layer.eval()(X[:1]))
    assert int(layer.num_batches_tracked) == 0
    assert not layer.training
    _run(LeafRunner(_keep_nothing), layer.train(), X)
    assert layer.training


LAYERS: list[tuple[nn.Module, tuple[torch.Tensor, ...]]] = [
    (nn.Linear(4, 3), (X,)),
    (nn.ReLU(inplace=True), (X.clone(),)),
    (nn.LSTM(4, 3), (X,)),
    (nn.Conv2d(3, 2, 3), (torch.ones(2, 3, 5, 5).to(memory_format=torch.channels_last),)),
    (nn.Embedding(3, 4), (torch.tensor([1, 2]),)),
    (nn.MultiheadAttention(4, 2), (X, X, X)),
    (nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1, enable_nested_tensor=False), (X,)),
]


@pytest.mark.parametrize(("layer", "args"), LAYERS, ids=lambda item: type(item).__name__)
def test_shapes_without_values(layer: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
    """Where nothing is computed, results have the shapes and types of those that are."""
    inputs = [item.clone() for item in args]
    shown = _run(LeafRunner(_keep_nothing, computes=False), layer, *args)
    assert all(torch.equal(left, right) for left, right in zip(inputs, args, strict=True))
    real = layer.eval()(*args)
    flat, spec = torch.utils._pytree.tree_flatten(shown)
    flat_real, real_spec = torch.utils._pytree.tree_flatten(real)
    assert spec == real_spec
    for left, right in zip(flat, flat_real, strict=True):
        assert (left.shape, left.dtype, left.device) == (right.shape, right.dtype, right.device)
