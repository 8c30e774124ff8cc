"""Layers and modules that random spaces are made of; all take and give tensors of shape (N, 4)."""

from __future__ import annotations

from typing import Any

import torch

import retix.nn.pytorch as nn
from retix.recipe import basic_unit

WIDTH = 4
INPUTS = torch.linspace(-1, 1, 3 * WIDTH).reshape(3, WIDTH)


@basic_unit
class Unit(nn.Module):
    """A layer with a weight, told from others by its number."""

    def __init__(self, number: int, value: Any = 0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(1, 2, WIDTH) + number / 16)
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x * self.weight + self.value / 8)


class Chain(nn.Module):
    """Modules of a list, one behind the other."""

    def __init__(self, modules: list[torch.nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in self.steps:
            x = step(x)
        return x


class Bottleneck(nn.Module):
    """Two linear layers with a chosen width between them."""

    def __init__(self, width: Any) -> None:
        super().__init__()
        self.down = nn.Linear(WIDTH, width)
        self.up = nn.Linear(width, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(torch.sigmoid(self.down(x)))


class Scale(nn.Module):
    """Uses a value in forward."""

    def __init__(self, factor: Any) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor()


class Twice(nn.Module):
    """Calls one module twice, and adds its input."""

    def __init__(self, body: torch.nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(self.body(x))


class Branches(nn.Module):
    """Chooses among the input and what modules make of it, or of each other."""

    def __init__(self, modules: list[torch.nn.Module], sources: tuple[int, ...], choose: torch.nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(modules)
        self.sources = sources
        self.choose = choose

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for source, branch in zip(self.sources, self.branches, strict=True):
            values.append(branch(values[source]))
        return self.choose(values)


class Celled(nn.Module):
    """A cell of one or two inputs, its nodes' outputs summed up."""

    def __init__(self, body: torch.nn.Module, cell: nn.Cell) -> None:
        super().__init__()
        self.body = body
        self.cell = cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inputs = [self.body(x), x][: self.cell.num_predecessors]
        return self.cell(inputs).unflatten(1, (-1, WIDTH)).sum(1)


class Net(nn.Module):
    """The whole model, with a rule on its choices."""

    def __init__(self, body: torch.nn.Module, rule: Any = None) -> None:
        super().__init__()
        self.body = body
        if rule is not None:
            self.rule = rule

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)
