"""Capturing base models, one at a time."""

from __future__ import annotations

import threading
from typing import Any

import torch

from retix.converter import convert
from retix.ir import Model

# A capture changes the forwards of modules and what torch's functions do until it is over, for the whole process (see
# "Ambient state" in docs/architecture.md); experiments in other threads wait that long.
_CAPTURING = threading.Lock()


def capture(module: torch.nn.Module, example_inputs: Any) -> Model:
    """`retix.converter.convert`, also when several threads ask at once.

    Raises:
        ConversionError: The module cannot be captured.
        SpaceError: Its choices contradict each other.
    """
    with _CAPTURING:
        return convert(module, example_inputs)
