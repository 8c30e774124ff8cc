"""Base models of real shapes, with choices that make them wider, deeper and otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.model_space import ModelSpace


class Block(nn.Module):
    """Convolution, norm, activation."""

    def __init__(self, width: Any, kernel: Any = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv(x)))


class Plain(nn.Module):
    """A stem, blocks in a row, and a linear head behind a flatten."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 6, 8], label="width")
        kernel = nn.ValueChoice([1, 3, 5], label="kernel")
        self.stem = nn.Conv2d(1, width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Repeat(lambda _: Block(width, nn.ValueChoice([3, 5], label="inner")), (1, 3), label="depth")
        convs = [nn.Conv2d(width, width, size, padding=size // 2) for size in (3, 5)]
        self.extra = nn.LayerChoice([nn.Identity(), *convs], label="extra")
        self.taken = nn.InputChoice(2, n_chosen=None, label="taken")
        self.pool = nn.LayerChoice([nn.MaxPool2d(2), nn.AvgPool2d(2)], label="pool")
        self.drop = nn.Dropout(nn.ValueChoice([0.1, 0.4], label="drop"))
        self.hidden = nn.Linear(width * 16, nn.ValueChoice([8, 12], label="hidden"))
        self.head = nn.Linear(nn.ValueChoice([8, 12], label="hidden"), 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.stem(x)))
        y = self.extra(self.blocks(x))
        x = self.pool(self.taken([x, y])).flatten(1)
        return self.head(F.gelu(self.hidden(self.drop(x))))


class Residual(nn.Module):
    """Two convolutions beside a shortcut, the inner width free."""

    def __init__(self, width: Any, inner: Any) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, inner, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + x)


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, width: Any) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, 4, 1)
        self.up = nn.Conv2d(4, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.up(F.relu(self.down(scale))))


class ResNet(nn.Module):
    """Residual blocks and a gate."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8, 12], label="width")
        inner = nn.ValueChoice([4, 6, 8], label="inner")
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Repeat(lambda _: Residual(width, inner), (1, 4), label="depth")
        self.gate = nn.LayerChoice([nn.Identity(), Gate(width)], label="gate")
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.gate(self.blocks(self.stem(x)))
        x = self.pool(x)
        return self.fc(x.view(x.size(0), -1))


class Inverted(nn.Module):
    """An inverted bottleneck with a depthwise convolution."""

    def __init__(self, width: Any, ratio: Any, kernel: Any) -> None:
        super().__init__()
        inner = width * ratio
        self.expand = nn.Sequential(nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6())
        depthwise = nn.Conv2d(inner, inner, kernel, padding=kernel // 2, groups=inner, bias=False)
        self.depth = nn.Sequential(depthwise, nn.BatchNorm2d(inner), nn.ReLU6())
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.project(self.depth(self.expand(x)))


class MobileNet(nn.Module):
    """Inverted bottlenecks whose ratio and kernel are free, block by block."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Repeat(self.make_block, (1, 3), label="depth")
        self.head = nn.Sequential(nn.Conv2d(width, 16, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(16, 5)

    def make_block(self, index: int) -> nn.Module:
        width = nn.ValueChoice([4, 8], label="width")
        ratio = nn.ValueChoice([1, 2, 3], label=f"ratio{index}")
        return Inverted(width, ratio, nn.ValueChoice([3, 5, 7], label=f"kernel{index}"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.head(self.blocks(self.stem(x))))


class Inception(nn.Module):
    """Branches of free widths that are concatenated, added to one of the same total width."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([2, 3, 4], label="width")
        self.first = nn.Conv2d(3, width, 1)
        self.second = nn.Conv2d(3, width, 3, padding=1)
        self.beside = nn.Conv2d(3, width * 2, 3, padding=1)
        self.chosen = nn.InputChoice(3, n_chosen=None, label="chosen", reduction="concat")
        self.scale = nn.Conv2d(width * 2, 4, 3)
        self.heads = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([F.relu(self.first(x)), self.second(x)], 1) + self.beside(x)
        y = F.silu(self.scale(joined))
        return self.heads(y.mean((2, 3)))


class Growing(nn.Module):
    """Branches that are chosen and concatenated; what follows is as wide as they are many."""

    def __init__(self) -> None:
        super().__init__()
        count = nn.ValueChoice([1, 2, 3], label="count")
        self.branches = nn.ModuleList([nn.Conv2d(3, 4, 3, padding=1) for _ in range(3)])
        self.taken = nn.SelectInputs([True, count > 1, count > 2], reduction="concat")
        self.norm = nn.BatchNorm2d(count * 4)
        self.mix = nn.Conv2d(count * 4, 4, 1)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.taken([branch(x) for branch in self.branches])
        y = self.mix(F.relu(self.norm(y)))
        return self.fc(F.adaptive_avg_pool2d(y, 1).flatten(1))


class MLP(nn.Module):
    """Linear layers with norms over units, batches, and a residual block."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([6, 12, 15, 18], label="width")
        self.first = nn.Linear(7, width)
        self.norm = nn.LayerChoice([nn.LayerNorm(width), nn.BatchNorm1d(width), nn.Identity()], label="norm")
        self.act = nn.LayerChoice([nn.ReLU(), nn.PReLU(), nn.Tanh()], label="act")
        self.more = nn.Repeat(lambda _: nn.Sequential(nn.Linear(width, width), nn.ReLU()), (0, 2), label="more")
        self.inner = nn.Linear(width, nn.ValueChoice([5, 10], label="inner"))
        self.outer = nn.Linear(nn.ValueChoice([5, 10], label="inner"), width)
        self.last = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.more(self.act(self.norm(self.first(x))))
        y = x + self.outer(F.gelu(self.inner(x)))
        return self.last(y), F.softmax(self.last(x), dim=-1)


class Text(nn.Module):
    """Words, attention and a feed-forward part of free width."""

    def __init__(self) -> None:
        super().__init__()
        hidden = nn.ValueChoice([8, 16, 24], label="hidden")
        self.words = nn.Embedding(11, 8)
        self.attention = nn.MultiheadAttention(8, nn.ValueChoice([2, 4], label="heads"), batch_first=True)
        self.norm1 = nn.LayerNorm(8)
        self.up = nn.Linear(8, hidden)
        self.down = nn.Linear(hidden, 8)
        self.norm2 = nn.LayerNorm(8)
        self.rank = nn.Linear(8, nn.ValueChoice([2, 4], label="rank"), bias=False)
        self.head = nn.Linear(nn.ValueChoice([2, 4], label="rank"), 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.words(x)
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.norm2(x + self.down(F.gelu(self.up(x))))
        return self.head(self.rank(x)).amax(1)


class Patches(nn.Module):
    """Patches as tokens, mixed along both axes."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        self.patch = nn.Conv2d(3, width, 4, stride=4)
        self.scale = nn.Parameter(torch.rand(4))
        self.norm = nn.LayerNorm(width)
        self.tokens = nn.Linear(4, 4)
        self.units = nn.Linear(width, width)
        self.head = nn.Linear(width, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2)
        x = x + self.tokens(x) * self.scale
        x = self.norm(x.transpose(1, 2))
        x = x + F.gelu(self.units(x))
        return self.head(x.mean(1))


class Mixed(nn.Module):
    """What is met more rarely: one dimension, groups, transposed convolutions, norms of groups, functions."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        self.conv = nn.Conv1d(2, width, nn.ValueChoice([3, 5], label="kernel"), padding="same")
        self.norm = nn.LayerChoice([nn.GroupNorm(1, width), nn.InstanceNorm1d(width, affine=True)], label="norm")
        self.act = nn.PReLU(width)
        self.twice = nn.Conv1d(width, width * 2, 3, padding=1, groups=width)
        self.up = nn.ConvTranspose1d(width * 2, 6, 4, stride=2, padding=1)
        self.groups = nn.Conv1d(6, 6, 3, padding=nn.ValueChoice([1, 0], label="pad"), groups=2)
        self.same = nn.LayerChoice([nn.Identity(), nn.Conv1d(6, 6, 3, padding=1, groups=3)], label="same")
        self.rnn = nn.LSTM(6, 5, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(self.act(self.norm(self.conv(x))), (1, 1))
        x = F.max_pool1d(F.leaky_relu(self.twice(x), 0.2), 2)
        x = self.same(self.groups(F.interpolate(self.up(x), scale_factor=0.5)))
        return self.rnn(x.permute(0, 2, 1))[0][:, -1]


class Branching(nn.Module):
    """Forward looks at the data, so that it is scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, nn.ValueChoice([4, 8], label="width"))
        self.second = nn.Linear(nn.ValueChoice([4, 8], label="width"), 4)
        self.other = nn.Linear(4, 4)
        self.last = nn.Linear(4, nn.ValueChoice([2, 3], label="out"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        x = self.second(x)
        if bool(x.sum() > 0):
            x = self.other(x)
        return self.last(x)


IMAGE = torch.zeros(2, 3, 8, 8)

SPACES: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "plain": (Plain, torch.zeros(2, 1, 8, 8)),
    "resnet": (ResNet, IMAGE),
    "mobilenet": (MobileNet, IMAGE),
    "inception": (Inception, IMAGE),
    "growing": (Growing, IMAGE),
    "mlp": (MLP, torch.zeros(4, 7)),
    "text": (Text, torch.zeros(2, 6, dtype=torch.long)),
    "patches": (Patches, IMAGE),
    "mixed": (Mixed, torch.zeros(2, 2, 12)),
}


def make_space(name: str) -> ModelSpace:
    """The space of one of the base models."""
    make, example = SPACES[name]
    return ModelSpace(make(), example_inputs=example)
