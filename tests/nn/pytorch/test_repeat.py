"""Blocks that are repeated a variable number of times."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError

X = torch.randn(2, 3)


def _chain(repeat: nn.Repeat, depth: int) -> torch.Tensor:
    out = X
    for block in repeat.blocks[:depth]:
        out = block(out)
    return out


@pytest.mark.parametrize("depth", [(0, 3), (1, 3), (2, 3), nn.ValueChoice([1, 3]), nn.ValueChoice([0, 2]) + 1, 2])
def test_every_depth(depth: Any) -> None:
    """Fixed at any depth, a repeat is the chain of its first blocks, with their weights; by default, of the least."""
    repeat = nn.Repeat(lambda index: nn.Linear(3, 3), depth)
    assert torch.equal(repeat(X), _chain(repeat, repeat.min_depth))
    decisions = nn.decisions_of(repeat)
    for option in decisions[0].candidates if decisions else (0,):
        answers = {decision.label: option for decision in decisions}
        fixed = nn.fix(repeat, answers)
        value = repeat.depth_choice
        reached = (
            value if isinstance(value, int) else nn.LabelBook(repeat).named(value, "depth_choice").evaluate(answers)
        )
        assert type(fixed) is torch.nn.Sequential
        assert len(fixed) == reached
        assert torch.equal(fixed(X), _chain(repeat, reached))
        assert set(fixed.state_dict()) <= set(repeat.state_dict())


def test_a_module_is_copied() -> None:
    """One module serves as the first block, and its copies, with weights of their own, as the others."""
    block = nn.Linear(3, 3)
    repeat = nn.Repeat(block, (1, 3))
    assert repeat[0] is block
    assert repeat[1] is not block
    assert repeat[1].weight is not block.weight
    assert len(repeat) == 3


def test_copies_share_their_choices() -> None:
    """Choices in a copied block are made together; a function that makes blocks keeps them apart."""
    together = nn.Repeat(nn.LayerChoice([nn.ReLU(), nn.Tanh()]), 3)
    apart = nn.Repeat(lambda index: nn.LayerChoice([nn.ReLU(), nn.Tanh()]), 3)
    assert [d.label for d in nn.decisions_of(together)] == ["0"]
    assert [d.label for d in nn.decisions_of(apart)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "blocks",
    [
        [nn.Linear(3, 3), nn.ReLU()],
        [lambda index: nn.Linear(3, 3), lambda index: nn.ReLU()],
        torch.nn.ModuleList([nn.Linear(3, 3), nn.ReLU(), nn.Tanh()]),
    ],
)
def test_lists_of_blocks(blocks: Any) -> None:
    """A list gives the blocks in order, as modules or as functions; what is too much is left out."""
    repeat = nn.Repeat(blocks, (1, 2))
    assert [type(block) for block in repeat.blocks] == [nn.Linear, nn.ReLU]


def test_functions_without_an_index() -> None:
    """Scripts of NNI 2.1 make blocks by functions without parameters."""
    assert len(nn.Repeat(lambda: nn.Linear(3, 3), 2)) == 2


def test_label_is_that_of_the_depth() -> None:
    """The label of a pair's choice is the repeat's; without one it is the path of the repeat."""
    net = torch.nn.Sequential(nn.Repeat(nn.ReLU(), (1, 2), label="deep"), nn.Repeat(nn.ReLU(), (1, 2)))
    assert [d.label for d in nn.decisions_of(net)] == ["deep", "1"]


def test_blocks_beyond_the_depth_are_dead() -> None:
    """Choices in a block take part only where the chain is long enough."""
    net = nn.Repeat(lambda index: nn.LayerChoice([nn.ReLU(), nn.Tanh()], label=f"op{index}"), (1, 3), label="depth")
    when = {decision.label: decision.when for decision in nn.decisions_of(net)}
    assert when["op0"] == ()
    assert when["op2"] == ((("depth", 3),),)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Repeat([nn.ReLU()], (1, 2)), "1 blocks for a depth of up to 2"),
        (lambda: nn.Repeat(nn.ReLU(), (3, 2)), r"has the depth \(3, 2\)"),
        (lambda: nn.Repeat(nn.ReLU(), 0), "has the depth 0"),
        (lambda: nn.Repeat(nn.ReLU(), (0, 0)), r"has the depth \(0, 0\)"),
        (lambda: nn.Repeat(nn.ReLU(), "2"), "has the depth '2'"),  # type: ignore[arg-type]  # the mistake
        (lambda: nn.Repeat(nn.ReLU(), nn.ValueChoice([0.5, 1])), "may be"),
        (lambda: nn.Repeat(lambda index: index, 2), "block 0 of Repeat is 0"),  # type: ignore[arg-type, return-value]
    ],
)
def test_refused(make: Callable[[], Any], message: str) -> None:
    """A repeat that cannot be built is refused with the user's line."""
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert caught.value.where is not None
    assert "test_repeat.py:" in caught.value.where


def test_copies() -> None:
    """A copy of a repeat in a model has the same choice, and weights of its own."""
    repeat = nn.Repeat(nn.Linear(3, 3), (1, 2))
    twin = copy.deepcopy(repeat)
    assert [d.label for d in nn.decisions_of(torch.nn.ModuleList([repeat, twin]))] == ["0"]
    assert twin[0].weight is not repeat[0].weight
