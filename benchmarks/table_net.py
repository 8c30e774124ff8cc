"""The network of the tabular benchmark: 1,728 small convolutional classifiers of 8 x 8 images."""

from __future__ import annotations

import torch

import retix.nn.pytorch as nn


class Block(nn.Module):
    """A convolution, a normalisation and an activation, with or without a way around them.

    Args:
        width: Channels, in and out.
    """

    def __init__(self, width: nn.ValueChoice) -> None:
        super().__init__()
        kernel = nn.ValueChoice([3, 5], label="kernel")
        depthwise = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        candidates = {
            "conv3": nn.Conv2d(width, width, 3, padding=1, bias=False),
            "conv1": nn.Conv2d(width, width, 1, bias=False),
            "separable": nn.Sequential(depthwise, nn.Conv2d(width, width, 1, bias=False)),
        }
        self.conv = nn.LayerChoice(candidates, label="conv")
        self.norm = nn.LayerChoice({"batch": nn.BatchNorm2d(width), "none": nn.Identity()}, label="norm")
        self.activation = nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh(), "silu": nn.SiLU()}, label="activation")
        self.skip = nn.InputChoice(n_candidates=2, n_chosen=1, label="skip")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.activation(self.norm(self.conv(x)))
        return self.skip([y, x + y])  # type: ignore[no-any-return]  # modules return Any


class TableNet(nn.Module):
    """A stem, one pooling, up to three equal blocks, and a head: (n, 1, 8, 8) goes in, (n, 10) comes out."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8, 16], label="width")
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.pool = nn.LayerChoice({"max": nn.MaxPool2d(2), "average": nn.AvgPool2d(2)}, label="pool")
        self.blocks = nn.Repeat(lambda index: Block(width), (1, 3), label="depth")
        flatten = nn.Sequential(nn.Flatten(), nn.Linear(width * 16, 10))
        average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))
        self.head = nn.LayerChoice({"flatten": flatten, "average": average}, label="head")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.pool(self.stem(x))))  # type: ignore[no-any-return]  # modules return Any
