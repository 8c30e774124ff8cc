"""Small spaces in the manner of the published ones: DARTS, NASNet, NAS-Bench-201 and MobileNetV3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import retix.nn.pytorch as nn

OPERATIONS: dict[str, Callable[[int, int], torch.nn.Module]] = {
    "none": lambda width, stride: Zero(stride),
    "skip": lambda width, stride: nn.Identity() if stride == 1 else FactorizedReduce(width, width),
    "pool": lambda width, stride: nn.MaxPool2d(3, stride=stride, padding=1),
    "conv": lambda width, stride: nn.Sequential(
        nn.ReLU(), nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width, affine=False)
    ),
}


class Zero(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            return x.mul(0.0)
        return x[:, :, :: self.stride, :: self.stride].mul(0.0)


class FactorizedReduce(nn.Module):
    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.left = nn.Conv2d(in_width, out_width // 2, 1, stride=2, bias=False)
        self.right = nn.Conv2d(in_width, out_width // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_width)

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        return self.norm(torch.cat([self.left(x), self.right(x[:, :, 1:, 1:])], 1))


class DartsNode(nn.Module):
    """A node takes two of its predecessors, each through an operation."""

    def __init__(self, number: int, width: int, n_previous: int, reduces: bool, kind: str) -> None:
        super().__init__()
        self.ops = nn.ModuleList()
        for index in range(n_previous):
            stride = 2 if reduces and index < 2 else 1
            candidates = {name: make(width, stride) for name, make in OPERATIONS.items() if name != "none"}
            self.ops.append(nn.LayerChoice(candidates, label=f"{kind}/{number}_{index}"))
        self.input = nn.InputChoice(n_previous, 2, label=f"{kind}/inputs_{number}")

    def forward(self, previous: list[Tensor]) -> Tensor:
        return self.input([op(state) for op, state in zip(self.ops, previous, strict=True)])


class DartsCell(nn.Module):
    def __init__(self, n_nodes: int, before: int, last: int, width: int, reduced: bool, reduces: bool) -> None:
        super().__init__()
        self.adapt = FactorizedReduce(before, width) if reduced else nn.Conv2d(before, width, 1)
        self.enter = nn.Conv2d(last, width, 1)
        kind = "reduce" if reduces else "normal"
        self.nodes = nn.ModuleList(DartsNode(i, width, i + 2, reduces, kind) for i in range(n_nodes))

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        states = [self.adapt(before), self.enter(last)]
        for node in self.nodes:
            states.append(node(states))
        return torch.cat(states[2:], dim=1)


class Auxiliary(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(x).flatten(1))


class Darts(nn.Module):
    """Cells that share their choices by kind, and a head that only training has."""

    def __init__(self, n_cells: int = 3, width: int = 4, n_nodes: int = 2, auxiliary: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        before = last = width
        reduced = False
        self.cells = nn.ModuleList()
        self.auxiliary: torch.nn.Module | None = None
        for index in range(n_cells):
            reduces = index == n_cells // 2
            width = width * 2 if reduces else width
            self.cells.append(DartsCell(n_nodes, before, last, width, reduced, reduces))
            before, last, reduced = last, width * n_nodes, reduces
            if auxiliary and reduces:
                self.auxiliary = Auxiliary(last)
        self.fc = nn.Linear(last, 10)

    def forward(self, x: Tensor) -> Any:
        before = last = self.stem(x)
        head: Tensor | None = None
        for index, cell in enumerate(self.cells):
            before, last = last, cell(before, last)
            if self.training and self.auxiliary is not None and index == len(self.cells) // 2:
                head = self.auxiliary(last)
        out = self.fc(last.mean((2, 3)))
        return (out, head) if head is not None else (out, out)


class NasNetCell(nn.Module):
    """Each node combines two of all states before it; takes any number of states."""

    def __init__(self, width: int, n_nodes: int) -> None:
        super().__init__()
        self.inputs = nn.ModuleList()
        self.ops = nn.ModuleList()
        for number in range(n_nodes):
            for side in ("left", "right"):
                self.inputs.append(nn.InputChoice(number + 2, label=f"input_{number}_{side}"))
                candidates = {name: make(width, 1) for name, make in OPERATIONS.items()}
                self.ops.append(nn.LayerChoice(candidates, label=f"op_{number}_{side}"))
        self.n_nodes = n_nodes

    def forward(self, *states: Tensor) -> Tensor:
        found = list(states)
        for number in range(self.n_nodes):
            left, right = 2 * number, 2 * number + 1
            found.append(self.ops[left](self.inputs[left](found)) + self.ops[right](self.inputs[right](found)))
        return torch.cat(found[len(states) :], 1)


class NasNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.first = NasNetCell(4, 2)
        self.narrow = nn.Conv2d(8, 4, 1)
        self.second = NasNetCell(4, 2)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.narrow(self.first(x, x.relu()))
        return self.fc(self.second(x, y).mean((2, 3)))


class Bench201Cell(nn.Module):
    """Every node sums an operation on each node before it."""

    def __init__(self, width: int, n_nodes: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for number in range(1, n_nodes):
            edges = nn.ModuleList()
            for source in range(number):
                candidates = {name: make(width, 1) for name, make in OPERATIONS.items()}
                edges.append(nn.LayerChoice(candidates, label=f"{number}_{source}"))
            self.layers.append(edges)

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor] = [x]
        for edges in self.layers:
            nodes.append(sum(edge(node) for edge, node in zip(edges, nodes, strict=True)))  # type: ignore[arg-type]  # of tensors
        return nodes[-1]


class Bench201(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.cells = nn.ModuleList([Bench201Cell(4), Bench201Cell(4)])
        self.fc = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.fc(x.mean((2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self, width: Any, ratio: float = 0.5) -> None:
        super().__init__()
        inner = nn.ValueChoice.max(1, nn.ValueChoice.to_int(width * ratio))
        self.reduce = nn.Conv2d(width, inner, 1)
        self.expand = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.expand(self.reduce(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class InvertedResidual(nn.Module):
    """Expand, convolve by depth, squeeze, project; parts that are left out are None."""

    def __init__(self, width: int, out_width: int, kernel: Any, ratio: Any, stride: int, attends: bool) -> None:
        super().__init__()
        hidden = width * ratio
        self.expand = nn.Conv2d(width, hidden, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden)
        self.attention: torch.nn.Module | None = SqueezeExcite(hidden) if attends else None
        self.project = nn.Conv2d(hidden, out_width, 1)
        self.shortcut: torch.nn.Module | None = nn.Identity() if stride == 1 and width == out_width else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x).relu())
        if self.attention is not None:
            y = self.attention(y)
        y = self.project(y)
        return y if self.shortcut is None else y + self.shortcut(x)


class MobileNetV3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        kernel = nn.ValueChoice([3, 5], label="kernel")
        ratio = nn.ValueChoice([1, 2, 3], label="ratio")
        self.stage = nn.Repeat(lambda index: self._make(index, kernel, ratio), (1, 3), label="depth")
        self.last = nn.LayerChoice([InvertedResidual(8, 8, kernel, 2, 1, True), nn.Identity()], label="last")
        self.fc = nn.Linear(8, 10)

    @staticmethod
    def _make(index: int, kernel: Any, ratio: Any) -> torch.nn.Module:
        width = 4 if index == 0 else 8
        return InvertedResidual(width, 8, kernel, ratio, 2 if index == 0 else 1, attends=index > 0)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.last(self.stage(self.stem(x))).mean((2, 3)))
