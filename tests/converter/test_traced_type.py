"""Shapes and dtypes on the values of captured models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retix.codegen import generate
from retix.converter import convert
from retix.ir import Graph, Model


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return self.conv(x) + y, x.mean((2, 3))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block()
        self.rnn = nn.LSTM(3, 4, batch_first=True)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, pooled = self.block(x, x * 2)
        hidden, _ = self.rnn(pooled.view(x.shape[0], 1, -1))
        return hidden * self.scale, y.argmax(1), y.size(1) * pooled


class ModeNet(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.flatten(1)
        return y * 2 if self.training else y.softmax(1) + 1


def types_of(graph: Graph) -> dict[str, str | None]:
    """Each value's name, to its dtype and shape in short."""
    values = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
    return {v.name: f"{v.dtype}{list(v.shape)}" if v.shape is not None else None for v in values}


def test_traced_values_have_types() -> None:
    """Inputs, leaves, calls of cells, operators and parameters have what the trace saw; numbers and tuples nothing."""
    model = convert(Net(), torch.randn(2, 3, 8, 8))
    image = "torch.float32[2, 3, 8, 8]"
    found = types_of(model.root)
    wanted = {
        **{"x": image, "mul": image, "block_1": image, "block": "torch.float32[2, 3]"},
        **{"size": None, "view": "torch.float32[2, 1, 3]", "rnn": None, "rnn_1": "torch.float32[2, 1, 4]"},
        **{"scale": "torch.float32[4]", "argmax": "torch.int64[2, 8, 8]", "size_1": None},
    }
    assert {name: found[name] for name in wanted} == wanted
    assert types_of(model.graphs["block"]) == {
        **{"x": image, "y": image, "conv": image, "add": image, "mean": "torch.float32[2, 3]"}
    }


def test_types_in_branches_of_modes() -> None:
    """What differs between the modes is in branches, whose values have types too."""
    model = convert(ModeNet(), torch.randn(2, 3, 4))
    flat = "torch.float32[2, 12]"
    assert [types_of(graph) for graph in model.graphs.values()] == [
        {"x": "torch.float32[2, 3, 4]", "flatten": flat, "training": None, "add_1": flat},
        {"flatten": flat, "mul": flat},
        {"flatten": flat, "softmax": flat, "add": flat},
    ]


def test_types_are_facts_beside_the_graph() -> None:
    """Copies and JSON keep them; digest and code do not depend on them; scripting knows only those of parameters."""
    model = convert(Net(), torch.randn(2, 3, 8, 8))
    other = convert(Net(), torch.randn(5, 3, 6, 6))
    assert model.digest() == other.digest()
    assert generate(model).text == generate(other).text
    assert str(model) != str(other)
    again = Model.from_json(model.to_json())
    fork = model.fork()
    assert types_of(again.root) == types_of(fork.root) == types_of(model.root)
    bare = model.to_json()
    for graph in bare["graphs"]:
        del graph["types"]
    assert set(types_of(Model.from_json(bare).root).values()) == {None}
    scripted = convert(Block())
    assert set(types_of(scripted.root).values()) == {None}


def test_types_are_printed() -> None:
    """The printed form shows types where they are known."""
    text = str(convert(Net(), torch.randn(2, 3, 8, 8)))
    assert "takes %x: float32[2, 3, 8, 8] {" in text
    assert "%block, %block_1 = .block(%x, %mul)  -> float32[2, 3], float32[2, 3, 8, 8]\n" in text
    assert "%size = aten::size(%x, 0)\n" in text
