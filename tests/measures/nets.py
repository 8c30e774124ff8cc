"""Small networks that the tests of measures share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNet(nn.Module):
    """Images of shape (N, 1, 8, 8) in, ten scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.drop(F.relu(self.norm(self.conv(x)))).flatten(1))
        return out


class Plain(nn.Module):
    """No parameters, no activation."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) * 2


class Words(nn.Module):
    """Indices of shape (N, L) in, three scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 6, sparse=True)
        self.encoder = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.encoder(self.embedding(x)).mean(1))
        return out


def make_images(size: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A batch of images and classes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 1, 8, 8, generator=generator), torch.randint(10, (size,), generator=generator)
