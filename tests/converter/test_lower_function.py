"""Compiled functions of torch whose Python builds messages and lists."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.converter.equality import assert_same

IMAGE = torch.arange(2 * 4 * 6 * 6, dtype=torch.float32).view(2, 4, 6, 6)


class Resizing(nn.Module):
    """Makes images larger and smaller in every way."""

    def forward(self, x: Tensor) -> list[Tensor]:
        wide = F.interpolate(x, scale_factor=2.0, mode="nearest")
        smooth = F.interpolate(x, size=[4, 5], mode="bilinear", align_corners=False)
        again = F.interpolate(wide, size=x.shape[2:])
        once = F.interpolate(x, size=16)
        return [wide, smooth, again, once]


class Norms(nn.Module):
    """Normalises by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("var", torch.ones(4))

    def forward(self, x: Tensor) -> list[Tensor]:
        grouped = F.group_norm(x, 2)
        local = F.local_response_norm(x, 2)
        single = F.instance_norm(x)
        kept = F.instance_norm(x, self.mean, self.var)
        batch = F.batch_norm(x, self.mean, self.var, training=self.training, momentum=0.3)
        return [grouped, local, single, kept, batch, F.mse_loss(grouped, x, reduction="none")]


def test_resizing() -> None:
    """The function is called as the user called it, defaults left out."""
    text = assert_same(Resizing(), (IMAGE,), traced=False)
    assert "F.interpolate(x, scale_factor=2.0)" in text
    assert 'F.interpolate(x, size=[4, 5], mode="bilinear", align_corners=False)' in text
    assert "F.interpolate(wide, size=x.shape[2:])" in text


def test_norms() -> None:
    """What keeps statistics changes them in training as the base model does."""
    text = assert_same(Norms(), (IMAGE,), traced=False)
    assert "F.group_norm(x, 2)" in text
    assert "F.instance_norm(x)" in text


def test_parts_of_lists() -> None:
    """Slices and copies of lists of sizes are written as they were."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            sizes = list(x.shape[:-2]) + [-1]  # noqa: RUF005  # TorchScript knows no stars
            return x.new_zeros(x.shape[1:]), x.view(sizes)

    text = assert_same(Net(), (IMAGE,), (IMAGE[:1],), traced=False)
    assert "x.shape[1:]" in text
