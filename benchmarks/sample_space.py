"""The spaces that are sampled: a small net as retix and NNI both take it, and DARTS."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F


def define_digits(nn: Any, model_wrapper: Any) -> Any:
    """The class of a net for images of 8x8 pixels, with six decisions; its 368,640 samples hardly ever repeat.

    Args:
        nn: The module that has layers and choices: that of retix, or that of NNI.
        model_wrapper: The decorator for models of the same origin.
    """

    @model_wrapper
    class DigitsNet(nn.Module):  # type: ignore[misc]  # likewise
        def __init__(self) -> None:
            super().__init__()
            width = nn.ValueChoice(list(range(8, 136, 4)), label="width")
            kernel = nn.ValueChoice([1, 3, 5, 7], label="kernel")
            hidden = nn.ValueChoice(list(range(32, 544, 8)), label="hidden")
            self.stem = nn.Conv2d(1, width, kernel, padding=kernel // 2)
            self.norm = nn.BatchNorm2d(width)
            plain = [nn.Conv2d(width, width, size, padding=size // 2) for size in (1, 3, 5)]
            grouped = nn.Conv2d(width, width, 3, padding=1, groups=width)
            self.block1 = nn.LayerChoice([*plain, grouped], label="block")
            self.block2 = nn.Conv2d(width, width, 3, padding=1)
            self.norm2 = nn.BatchNorm2d(width)
            self.skip = nn.InputChoice(3, n_chosen=1, label="skip")
            self.pool = nn.MaxPool2d(2)
            acts = [nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Tanh(), nn.ELU()]
            self.act = nn.LayerChoice(acts, label="act")
            self.fc = nn.Linear(width * 16, hidden)
            self.middle = nn.Linear(hidden, hidden)
            self.gate = nn.Linear(hidden, hidden)
            self.dropout = nn.Dropout(0.2)
            self.head = nn.Linear(hidden, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.norm(self.stem(x)))
            first = F.relu(self.block1(x))
            second = F.relu(self.norm2(self.block2(first)))
            x = self.pool(self.skip([x, first, first + second]))
            x = F.relu(self.fc(torch.flatten(x, 1)))
            x = self.act(self.middle(x)) + x
            x = x + torch.sigmoid(self.gate(x)) * torch.tanh(x)
            scores: torch.Tensor = self.head(self.dropout(x))
            return scores

    return DigitsNet
