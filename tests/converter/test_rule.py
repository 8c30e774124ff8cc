"""Tables of models, as the expressions that make them again."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from retix.converter.rule import find_rule, pack
from retix.ir import Module


def run(item: Any) -> Any:
    """What a rule makes."""
    if not isinstance(item, Module):
        return type(item)(map(run, item)) if isinstance(item, (tuple, list)) else item
    home, _, name = item.type.rpartition(".")
    owner = __import__(home)
    kwargs = {key: getattr(torch, symbol.name.removeprefix("torch.")) for key, symbol in item.kwargs.items()}
    return getattr(owner, name)(*map(run, item.args), **kwargs)


def relative_positions(height: int, width: int) -> torch.Tensor:
    """For each pair of places in a window, where in a table of all offsets theirs stands."""
    places = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    offsets = places[:, None] - places[None, :] + torch.tensor([height - 1, width - 1])
    return offsets[..., 0] * (2 * width - 1) + offsets[..., 1]


def sines(length: int, width: int) -> torch.Tensor:
    """Positions as waves."""
    angle = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


RULED = {
    "count": torch.arange(3, 903, 3),
    "numbers between": torch.linspace(-1, 1, 300),
    "positions": torch.arange(512).expand(1, -1),
    "constant": torch.full((30, 30), float("-inf")),
    "causal": torch.ones(40, 40, dtype=torch.bool).tril().view(1, 1, 40, 40),
    "additive mask": torch.full((40, 40), float("-inf")).triu(1),
    "identity": torch.eye(40),
    "repeated": torch.arange(1, 17).float().log().repeat(64, 1),
    "window": relative_positions(7, 7),
    "flat window": relative_positions(4, 6).flatten(),
    "waves": sines(50, 16).unsqueeze(0),
}


@pytest.mark.parametrize("name", RULED)
def test_rules(name: str) -> None:
    """What models keep in buffers follows a short rule, which gives the very values."""
    table = RULED[name]
    rule = find_rule(table)
    assert rule is not None
    assert len(str(rule)) < 2500
    made = run(rule)
    assert made.dtype == table.dtype
    assert torch.equal(made, table)


def test_no_rule() -> None:
    """Random numbers, and a window with a place for a class token, follow none."""
    torch.manual_seed(0)
    assert find_rule(torch.rand(20, 20)) is None
    assert find_rule(torch.nn.functional.pad(relative_positions(7, 7), (1, 0, 1, 0), value=170)) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64, torch.int64, torch.bool])
def test_packed_values(dtype: torch.dtype) -> None:
    """Bytes come back as they were, those of no number too."""
    torch.manual_seed(0)
    table = (torch.randn(20, 30) * 3).to(dtype)
    if dtype == torch.float32:
        table[0, 0] = math.nan
    packed = pack(table)
    assert packed is not None
    assert torch.equal(run(packed).view(torch.uint8), table.view(torch.uint8))
