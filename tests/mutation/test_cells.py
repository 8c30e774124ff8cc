"""The sizes of well-known spaces."""

from __future__ import annotations

import torch
from torch import Tensor

import retix.nn.pytorch as nn
from retix.converter import convert
from retix.mutation import MutationSpace
from tests.mutation.test_liveness import list_samples


def test_nasbench201_has_15625_samples() -> None:
    """Six edges with five operations each."""
    ops = {str(size): lambda a, b, size=size: nn.Conv2d(a, b, size, padding=size // 2) for size in (1, 3, 5, 7)}
    cell = nn.NasBench201Cell({**ops, "skip": lambda a, b: nn.Identity()}, 4, 4, label="cell")
    space = MutationSpace(convert(cell, torch.randn(2, 4, 4, 4)))
    assert space.size == 15625
    assert len(space.decisions) == 6


def test_nasbench101_is_counted_as_it_is_walked() -> None:
    """With up to four nodes the size under the limit on edges is the number of walks, and all of them keep it."""
    ops = [lambda c: nn.Conv2d(c, c, 3, padding=1), lambda c: nn.Conv2d(c, c, 1)]
    cell = nn.NasBench101Cell(
        ops, 8, 8, lambda a, b: nn.Conv2d(a, b, 1), max_num_nodes=4, max_num_edges=4, label="cell"
    )
    space = MutationSpace(convert(cell, torch.randn(2, 8, 4, 4)))
    samples = list_samples(space)
    assert space.size == len(samples) == len(set(samples))
    assert all(map(space.permits, samples))
    space.build(samples[-1]).verify()


class Blocks(nn.Module):
    """Up to three blocks, each a layer or up to two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Repeat(self._make_block, nn.ValueChoice([1, 2, 3], label="depth"))

    @staticmethod
    def _make_block(index: int) -> nn.Module:
        layers = [nn.Conv2d(4, 4, 1), nn.Identity()]
        inner = nn.Repeat(lambda i: nn.LayerChoice(layers, label=f"layer{index}{i}"), (1, 2), label=f"inner{index}")
        return nn.LayerChoice([nn.Conv2d(4, 4, 3, padding=1), inner], label=f"block{index}")

    def forward(self, x: Tensor) -> Tensor:
        """Images of (batch, 4, height, width), and the same again."""
        return self.blocks(x)  # type: ignore[no-any-return]  # modules return Any


def test_nested_repeats() -> None:
    """Repeats within choices within repeats: each block has 1 + (2 + 4) forms, and only those up to the depth count."""
    space = MutationSpace(convert(Blocks(), torch.randn(2, 4, 4, 4)))
    samples = list_samples(space)
    assert space.size == len(samples) == 7 + 7**2 + 7**3
    assert len({space.fingerprint(sample) for sample in samples}) == len(samples)
