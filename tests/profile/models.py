"""Models whose cost is known, or can be counted by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNet(nn.Module):
    """Convolutions, a norm, an attention in between, and a layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.mix = nn.Linear(8, 8)
        self.head = nn.Linear(8, 5)
        self.scale = nn.Parameter(torch.ones(8), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x).flatten(2).transpose(1, 2)
        y = self.mix(self.mix(y)) * self.scale
        y = F.scaled_dot_product_attention(y, y, y)
        return self.head(F.dropout(y, 0.5, self.training).mean(1))


class Recurrent(nn.Module):
    """Words, a recurrent layer, and an output that shares the weights of the words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.rnn = nn.LSTM(6, 6, batch_first=True)
        self.out = nn.Linear(6, 11, bias=False)
        self.out.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.rnn(self.words(tokens))
        logits: Tensor = self.out(hidden)
        return logits


def image(batch: int = 2) -> Tensor:
    """An input of `ConvNet`."""
    return torch.randn(batch, 3, 6, 6)


def text(batch: int = 2) -> Tensor:
    """An input of `Recurrent`."""
    return torch.randint(0, 11, (batch, 4))
