"""A user's module that can be imported here, but not in workers that are started while a variable is set."""

from __future__ import annotations

import os

import torch

from retix import basic_unit

SWITCH = "RETIX_TEST_FRAGILE"

if SWITCH in os.environ:
    raise ImportError("the library behind this module is gone")


@basic_unit
class Fragile(torch.nn.Module):
    """Doubles its input."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2
