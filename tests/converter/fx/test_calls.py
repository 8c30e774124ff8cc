"""Calls of torch's operators that do not fit, and of the user's autograd functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retix.converter import convert
from tests.converter.equality import assert_same, refused


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        return self.function(self.fc(x))


X = torch.linspace(-1, 1, 8).view(2, 4)

FORMS: dict[str, Callable[[Tensor], Any]] = {
    "an overload": lambda x: torch.ops.aten.add.Tensor(x, x),
    "a packet": lambda x: torch.ops.aten.softmax(x, 1),
    "several results": lambda x: torch.std_mean(x, 1)[1],
}


@pytest.mark.parametrize("name", FORMS)
def test_operators_called_as_they_are(name: str) -> None:
    """``torch.ops`` is called by models too."""
    assert_same(Apply(FORMS[name]), (X,), (X[:1],), frontend="fx")


REFUSED: dict[str, tuple[Callable[[Tensor], Any], str, str]] = {
    "no operator": (lambda x: x * x.data_ptr(), "data_ptr is no operator of torch", "x.data_ptr()"),
    "no overload": (
        lambda x: x.relu("twice"),
        r"relu is called with \(Tensor, str\), for which torch has no operator",
        'x.relu("twice")',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    """A call that no operator takes is refused at the user's line."""
    function, what, line = REFUSED[name]
    with refused(what, file=__file__, line=line):
        convert(Apply(function), frontend="fx")
