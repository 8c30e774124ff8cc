"""The space of DARTS, with cells of two kinds.

Source: Liu et al., https://arxiv.org/abs/1806.09055.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import retix.nn.pytorch as nn


class Convolution(nn.Module):
    """Activation, convolution, norm: separable as often as ``repeats`` says."""

    def __init__(self, channels: int, size: int, stride: int, dilation: int = 1, repeats: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(repeats):
            step = stride if index == 0 else 1
            padding = dilation * (size // 2)
            layers += [
                nn.ReLU(),
                nn.Conv2d(channels, channels, size, step, padding, dilation, groups=channels, bias=False),
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, channels, H, W]``, halved by a stride of 2."""
        return self.layers(x)  # type: ignore[no-any-return]  # modules return Any


class Pool(nn.Module):
    """Pooling and norm."""

    def __init__(self, pool: nn.Module, channels: int) -> None:
        super().__init__()
        self.pool = pool
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """See `Convolution.forward`."""
        return self.norm(self.pool(x))  # type: ignore[no-any-return]  # modules return Any


class Zero(nn.Module):
    """Nothing."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """See `Convolution.forward`."""
        return x[:, :, :: self.stride, :: self.stride] * 0


class Halve(nn.Module):
    """Half the size, by two convolutions of which one looks at the pixels in between."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.first = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.second = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, H, W]`` to ``[N, outputs, H / 2, W / 2]``."""
        x = self.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], dim=1))  # type: ignore[no-any-return]  # modules return Any


class Adapt(nn.Module):
    """A convolution of single pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, H, W]`` to ``[N, outputs, H, W]``."""
        return self.norm(self.conv(self.relu(x)))  # type: ignore[no-any-return]  # modules return Any


class DartsCell(nn.Module):
    """Four nodes, each the sum of two operations, each of those on one of all earlier states.

    Args:
        before: Channels of the cell's input from the cell before the last.
        last: Channels of that from the last cell.
        channels: Channels of each node.
        is_after_reduction: Whether the last cell has halved the size.
        reduces: Whether this one does.
    """

    def __init__(self, before: int, last: int, channels: int, is_after_reduction: bool, reduces: bool) -> None:
        super().__init__()
        self.before = Halve(before, channels) if is_after_reduction else Adapt(before, channels)
        self.last = Adapt(last, channels)
        makers = make_operations(channels, reduces)
        self.nodes = nn.Cell(makers, 4, 2, 2, label="reduce" if reduces else "normal")

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """The nodes' results, concatenated: ``[N, 4 * channels, ...]``."""
        return self.nodes(self.before(before), self.last(last))  # type: ignore[no-any-return]  # modules return Any


def make_operations(channels: int, reduces: bool) -> dict[str, Callable[[int, int, int | None], nn.Module]]:
    """The eight operations of the paper; in a cell that halves the size, those on its inputs have a stride of 2."""

    def operation(make: Callable[[int], nn.Module]) -> Callable[[int, int, int | None], nn.Module]:
        return lambda node, side, source: make(2 if reduces and source is not None and source < 2 else 1)

    return {
        "none": operation(Zero),
        "max_pool_3x3": operation(lambda stride: Pool(nn.MaxPool2d(3, stride, 1), channels)),
        "avg_pool_3x3": operation(lambda s: Pool(nn.AvgPool2d(3, s, 1, count_include_pad=False), channels)),
        "skip_connect": operation(lambda stride: nn.Identity() if stride == 1 else Halve(channels, channels)),
        "sep_conv_3x3": operation(lambda stride: Convolution(channels, 3, stride, repeats=2)),
        "sep_conv_5x5": operation(lambda stride: Convolution(channels, 5, stride, repeats=2)),
        "dil_conv_3x3": operation(lambda stride: Convolution(channels, 3, stride, dilation=2)),
        "dil_conv_5x5": operation(lambda stride: Convolution(channels, 5, stride, dilation=2)),
    }


class Darts(nn.Module):
    """A stem, cells of which those at a third and two thirds of the depth halve the size, and a head.

    Args:
        cells: How many cells there are.
        channels: Channels of the first ones' nodes.
    """

    def __init__(self, cells: int = 20, channels: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        before = last = 3 * channels
        is_after_reduction = False
        self.cells = nn.ModuleList()
        for index in range(cells):
            reduces = index in (cells // 3, 2 * cells // 3)
            channels = channels * 2 if reduces else channels
            self.cells.append(DartsCell(before, last, channels, is_after_reduction, reduces))
            before, last, is_after_reduction = last, 4 * channels, reduces
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(last, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of 10 classes for ``x`` of (batch, 3, height, width)."""
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.head(self.pool(last).flatten(1))  # type: ignore[no-any-return]  # modules return Any
