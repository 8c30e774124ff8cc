"""A space of networks for handwritten digits, and their training; what workers import of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

import retix.nn.pytorch as nn

RATE = 1e-3


class Block(nn.Module):
    """A residual block of one convolution."""

    def __init__(self, width: Any, kernel: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """As many units as ``x`` has."""
        return x + F.relu(self.norm(self.conv(x)))


class DigitsNet(nn.Module):
    """Up to eight decisions of widths, kernels and depth: 3,360 networks for images of 10x10 pixels."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 6, 8, 10, 12], label="width")
        hidden = nn.ValueChoice([16, 24, 32, 48, 64, 96], label="hidden")
        kernel = nn.ValueChoice([3, 5], label="kernel")
        self.stem = nn.Conv2d(1, width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Repeat(
            lambda index: Block(width, nn.ValueChoice([3, 5], label=f"kernel{index}")), (1, 3), label="depth"
        )
        self.fc = nn.Linear(width * 25, hidden)
        self.dropout = nn.Dropout(nn.ValueChoice([0.0, 0.1, 0.2, 0.3], label="dropout"))
        self.head = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of 10 classes for ``x`` of (batch, 1, 10, 10)."""
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        x = F.relu(self.fc(F.max_pool2d(x, 2).flatten(1)))
        return self.head(self.dropout(x))  # type: ignore[no-any-return]  # modules return Any


def train(model_class: Callable[[], torch.nn.Module], steps: int, batch: int) -> Mapping[str, float]:
    """Train on images that are shifted at random; see `Images` for what they are rated on.

    Args:
        model_class: Builds the network.
        steps: How many steps to train for.
        batch: Images per step.

    Returns:
        The accuracy that the search goes by, and that on images that no search looks at.
    """
    images = load_images()
    model = model_class()
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    for _ in range(steps):
        picked = torch.randint(images.known.shape[1], (batch,))
        shift = torch.randint(len(images.known), (batch,))
        loss = F.cross_entropy(model(images.known[shift, picked]), images.wanted[picked])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
    model.eval()
    return {"default": _rate(model, *images.rated), "unseen": _rate(model, *images.unseen)}


@dataclass(frozen=True, slots=True)
class Images:
    """The 1,797 digits on a black ground of 10x10 pixels, at each of nine places.

    Attributes:
        known: Three fifths of them, (9, count, 1, 10, 10), to be trained on.
        wanted: What they show.
        rated: One fifth of them, at three places, and what they show: what a search goes by.
        unseen: The last fifth likewise.
    """

    known: Tensor
    wanted: Tensor
    rated: tuple[Tensor, Tensor]
    unseen: tuple[Tensor, Tensor]


def load_images() -> Images:
    """The images, as scikit-learn brings them along."""
    digits = load_digits()
    plain = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    shifted = torch.stack([F.pad(plain, (x, 2 - x, y, 2 - y)) for y in range(3) for x in range(3)])
    labels, part = torch.tensor(digits.target), torch.arange(len(plain)) % 5
    some = shifted[::4]
    parts = [(some[:, part == number].flatten(0, 1), labels[part == number].repeat(3)) for number in (3, 4)]
    return Images(shifted[:, part < 3], labels[part < 3], parts[0], parts[1])


def _rate(model: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())
