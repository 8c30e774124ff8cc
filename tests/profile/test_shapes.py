"""Shapes that are recorded anew."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from retix.converter import convert
from retix.errors import ProfileError
from retix.ir import Model
from retix.profile import infer_shapes
from tests.profile.models import ConvNet, image


class Twice(nn.Module):
    """Two equal blocks, one of which is called twice; in training mode it does something else."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(self.first(x)))
        return y.view(x.shape[0], -1) if self.training else (x + y).sum(1)


def types_of(model: Model) -> dict[str, dict[str, object]]:
    """Shape and dtype of every value, by graph and name."""
    return {
        name: {v.name: (v.shape, v.dtype) for v in [*g.inputs, *(v for node in g.nodes for v in node.outputs)]}
        for name, g in model.graphs.items()
    }


@pytest.mark.parametrize(("module", "x"), [(ConvNet(), image()), (Twice(), torch.randn(3, 4))], ids=["conv", "twice"])
def test_equals_the_trace(module: nn.Module, x: Tensor) -> None:
    """On an unedited model every value that counts in eval mode has the shape and dtype that the trace saw."""
    model = convert(module, x)
    traced = types_of(model)
    text = str(model)
    infer_shapes(model)
    for name, values in types_of(model).items():
        if not name.endswith(":train"):
            assert values == traced[name]
    infer_shapes(model, x)
    assert (str(model) == text) is not any(name.endswith(":train") for name in model.graphs)


def test_follows_edits() -> None:
    """After an edit in a fork, its values have the new shapes, and those of the parent the old ones."""
    model = convert(ConvNet(), image())
    traced = types_of(model)
    fork = model.fork()
    (conv,) = fork.get_nodes_by_type("torch.nn.Conv2d")
    conv.update_operation("torch.nn.Conv2d", {"in_channels": 3, "out_channels": 8, "kernel_size": 3, "bias": False})
    infer_shapes(fork, batch_size=5)
    assert conv.output.shape == (5, 8, 4, 4)
    assert fork.root.inputs[0].shape == (5, 3, 6, 6)
    assert types_of(model) == traced


def test_branches_that_are_not_taken() -> None:
    """They have no shapes afterwards, rather than old ones."""
    model = convert(Twice(), torch.randn(3, 4))
    infer_shapes(model)
    assert set(types_of(model)["Twice:train"].values()) == {(None, None)}


def test_refuses_without_a_change() -> None:
    """A model that no longer fits its inputs is an error, and keeps the shapes that it had."""
    model = convert(ConvNet(), image())
    traced = types_of(model)
    with pytest.raises(ProfileError, match="cannot be run without data"):
        infer_shapes(model, torch.randn(2, 4, 6, 6))
    assert types_of(model) == traced
