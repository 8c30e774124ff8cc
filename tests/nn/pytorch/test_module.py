"""The base class of users' models."""

from __future__ import annotations

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError


def test_forgotten_super_init() -> None:
    """A model that assigns a layer before ``super().__init__()`` is told to call it."""

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)

    with pytest.raises(SpaceError, match="Forgetful assigns 'fc' before it is a module") as caught:
        Forgetful()
    assert "super().__init__() the first line" in (caught.value.fix or "")


def test_plain_attributes_before_super_init() -> None:
    """Plain values may come first, as in torch."""

    class Early(nn.Module):
        def __init__(self) -> None:
            self.depth = 3
            super().__init__()
            self.fc = nn.Linear(1, 1)

    assert Early().depth == 3


def test_other_attribute_errors_are_torchs() -> None:
    """An attribute that refuses for a reason of its own keeps its error."""

    class Fixed(nn.Module):
        @property
        def size(self) -> int:
            """Cannot be set."""
            return 1

    with pytest.raises(AttributeError, match="size"):
        Fixed().size = 2  # type: ignore[misc]  # setting it is what is tested


def test_module_is_torchs() -> None:
    """Models are modules of torch."""
    assert issubclass(nn.Module, torch.nn.Module)
