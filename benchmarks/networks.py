"""The networks that the benchmarks work on, written in plain ``torch.nn`` as in their papers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Three convolutions around a shortcut, the stride in the second: He et al., arXiv:1512.03385, figure 5 right.

    Args:
        width: Channels of the middle convolution; four times as many go out.
        channels: Channels that come in.
        stride: Of the middle convolution.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(width * 4)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module | None = None
        if stride != 1 or channels != width * 4:
            conv = nn.Conv2d(channels, width * 4, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(width * 4))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` of (batch, channels, height, width)."""
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        short = x if self.shortcut is None else self.shortcut(x)
        return self.relu(y + short)  # type: ignore[no-any-return]  # modules return Any


class ResNet50(nn.Module):
    """The 50-layer residual network, 25.6 million parameters: He et al., arXiv:1512.03385, table 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage1 = _make_stage(64, 64, 3, 1)
        self.stage2 = _make_stage(256, 128, 4, 2)
        self.stage3 = _make_stage(512, 256, 6, 2)
        self.stage4 = _make_stage(1024, 512, 3, 2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of 1,000 classes for ``x`` of (batch, 3, 224, 224)."""
        x = self.pool(self.relu(self.norm(self.conv(x))))
        x = self.stage4(self.stage3(self.stage2(self.stage1(x))))
        return self.head(torch.flatten(self.mean(x), 1))  # type: ignore[no-any-return]  # modules return Any


def _make_stage(channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    rest = [Bottleneck(width * 4, width, 1) for _ in range(depth - 1)]
    return nn.Sequential(Bottleneck(channels, width, stride), *rest)


class EncoderBlock(nn.Module):
    """Self-attention and a perceptron, each normalised before and added: arXiv:2010.11929, equations 2 and 3."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` of (batch, tokens, width)."""
        y = self.norm1(x)
        y, _ = self.attention(y, y, y, need_weights=False)
        x = x + y
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]  # modules return Any


class ViTB16(nn.Module):
    """The base vision transformer on patches of 16x16, 86 million parameters: Dosovitskiy et al., arXiv:2010.11929."""

    def __init__(self) -> None:
        super().__init__()
        width, n_patches = 768, (224 // 16) ** 2
        self.patches = nn.Conv2d(3, width, 16, stride=16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, n_patches + 1, width))
        self.blocks = nn.Sequential(*(EncoderBlock(width, 12, 3072) for _ in range(12)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of 1,000 classes for ``x`` of (batch, 3, 224, 224)."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.blocks(x + self.positions)
        return self.head(self.norm(x[:, 0]))  # type: ignore[no-any-return]  # modules return Any
