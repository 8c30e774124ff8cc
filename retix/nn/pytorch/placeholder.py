"""A place in a model that a mutator is to fill."""

from __future__ import annotations

from typing import Any

import torch

from retix.nn.pytorch.module import Module
from retix.recipe import basic_unit


@basic_unit
class Placeholder(Module):
    """A place that a mutator finds by its label, and puts something into; until then it hands on what it gets.

    Args:
        label: Its name.
        related_info: What the mutator is to know of the place.
    """

    def __init__(self, label: str, **related_info: Any) -> None:
        super().__init__()
        self.label = label
        self.related_info = related_info

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x``."""
        return x

    def extra_repr(self) -> str:
        return ", ".join([repr(self.label), *(f"{name}={value!r}" for name, value in self.related_info.items())])
