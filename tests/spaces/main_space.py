"""A space whose classes live in ``__main__``, written to the folder that is given; run by `test_reproducible`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import retix.nn.pytorch as nn
from retix import ModelSpace, basic_unit, model_wrapper
from retix.errors import RecipeError
from tests.spaces.layers import INPUTS
from tests.spaces.reproduce import write

GAIN = 0.5


def halve(x: torch.Tensor) -> torch.Tensor:
    """A function of the script's own."""
    return x * GAIN


@basic_unit
class Shift(nn.Module):
    """A layer of the script's own."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.linspace(0, 1, 4))
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return halve(x) + self.bias * self.size


class Block(nn.Module):
    """A module of the script's own."""

    def __init__(self, width: Any) -> None:
        super().__init__()
        self.down = nn.Linear(4, width)
        self.up = nn.Linear(width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.up(torch.relu(self.down(x)))


@model_wrapper
class Net(nn.Module):
    """A space of them."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 6], label="width")
        self.body = nn.Repeat(lambda index: Block(width * (index + 1)), (1, 2))
        self.op = nn.LayerChoice({"shift": Shift(nn.ValueChoice([1, 2], label="size")), "tanh": nn.Tanh()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.op(self.body(x))


def main() -> None:
    """Write the space, and what this process makes of it."""
    net = Net()
    space = ModelSpace(net, example_inputs=INPUTS, engine="graph")
    write(Path(sys.argv[1]), "main", space, net, list(space.grid()))
    print(space.size)
    try:
        ModelSpace(net, engine="py").to_json()
    except RecipeError as error:
        print(error)


if __name__ == "__main__":
    main()
