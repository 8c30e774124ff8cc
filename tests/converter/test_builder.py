"""What a graph cannot hold is refused while it grows."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from retix.converter import convert
from tests.converter.equality import refused


class ReturnsModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        return self.fc, x


def test_module_as_a_value_is_refused() -> None:
    """A script may hand modules around; a graph calls them. A result has no line of its own, but forward has."""
    with refused("the module 'fc' is used as a value", file=__file__, line="def forward(self, x: Tensor)"):
        convert(ReturnsModule(), frontend="script")
