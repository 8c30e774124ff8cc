"""What differs between eval and training mode."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.converter import convert
from tests.converter.equality import assert_same, refused

X = torch.linspace(-1, 1, 8).view(2, 4)
BATCHES = ((X,), (torch.linspace(-2, 1, 20).view(5, 4),))


class FunctionalDropout(nn.Module):
    def forward(self, x: Any) -> Any:
        return F.dropout(x, 0.5, self.training) + F.dropout(x, 0.2) + F.dropout(x, 0.1, not self.training)


class FunctionalNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("var", torch.ones(4))
        self.weight = torch.nn.Parameter(torch.rand(4))

    def forward(self, x: Any) -> Any:
        return F.batch_norm(x, self.mean, self.var, self.weight, None, training=self.training)


class Auxiliary(nn.Module):
    """Has a head that exists in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.head = nn.Sequential(nn.Linear(4, 2), nn.ReLU())

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        return (x, self.head(x)) if self.training else x


class AuxiliaryInside(nn.Module):
    class Trunk(nn.Module):
        """Returns None beside a tensor in eval mode."""

        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Linear(4, 4)
            self.head = nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            return x, self.head(x) if self.training else None

    def __init__(self) -> None:
        super().__init__()
        self.trunk = AuxiliaryInside.Trunk()

    def forward(self, x: Any) -> Any:
        x, extra = self.trunk(x)
        out = {"out": x}
        if extra is not None:
            out["extra"] = extra
        return out


class CalledInOneMode(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.noise = nn.Sequential(nn.Linear(4, 4), nn.Dropout())
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        if self.training:
            x = self.noise(x)
        return self.fc(x)


class CalledTwiceInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 4), nn.Tanh())

    def forward(self, x: Any) -> Any:
        x = self.block(x)
        return self.block(x) if self.training else x


class ConstantsByMode(nn.Module):
    def forward(self, x: Any) -> Any:
        if self.training:
            return x + torch.tensor([1.0, 2.0, 3.0, 4.0])
        return x + torch.tensor([4.0, 3.0, 2.0, 1.0])


class UnusedInput(nn.Module):
    class Gate(nn.Module):
        """Uses its mask in training only."""

        def forward(self, x: Any, mask: Any) -> Any:
            return x * mask if self.training else x

    def __init__(self) -> None:
        super().__init__()
        self.gate = UnusedInput.Gate()

    def forward(self, x: Any) -> Any:
        return self.gate(x, torch.sigmoid(x))


class StochasticDepth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            y = block(x)
            if self.training:
                y = y * torch.empty(x.shape[0], 1, device=x.device).bernoulli_(0.5) / 0.5
            x = x + y
        return F.relu(x, inplace=True)


class AuxiliaryBetween(nn.Module):
    """Has a head in the middle that exists in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head, self.body = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        extra = self.head(x) if self.training else None
        x = torch.tanh(self.body(x))
        return (x, extra) if self.training else x


class Calibrated(nn.Module):
    """Does more in eval mode, and counts in training."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(4, 4) for _ in range(3))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        scale = None
        if self.training:
            self.steps.add_(1)
        else:
            scale = torch.sigmoid(self.second(x))
        x = torch.tanh(self.third(x))
        return x if scale is None else x * scale


class CandidatesByMode(nn.Module):
    class Candidate(nn.Module):
        """Drops in training."""

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            x = self.fc(x)
            return F.dropout(x) if self.training else x * 1.5

    def __init__(self) -> None:
        super().__init__()
        self.choice = nn.LayerChoice([CandidatesByMode.Candidate(), nn.Linear(4, 4)])

    def forward(self, x: Any) -> Any:
        return self.choice(x)


@pytest.mark.parametrize(
    "make",
    [
        *(FunctionalDropout, FunctionalNorm, Auxiliary, AuxiliaryInside, CalledInOneMode, CalledTwiceInTraining),
        *(ConstantsByMode, UnusedInput, StochasticDepth, CandidatesByMode, AuxiliaryBetween, Calibrated),
    ],
)
def test_computes_the_same(make: type[nn.Module]) -> None:
    """In each mode, the copy does what the user's module does."""
    assert_same(make(), *BATCHES)


def test_booleans_become_the_mode() -> None:
    """Where only a boolean differs, the mode takes its place."""
    text = assert_same(FunctionalDropout(), *BATCHES)
    assert "if " not in text
    assert text.count("self.training") == 2


def test_what_both_modes_do_is_written_once() -> None:
    """Only what one mode does alone stands under a condition."""
    text = assert_same(AuxiliaryBetween(), *BATCHES)
    assert text.count("self.body(x)") == 1
    text = assert_same(StochasticDepth(), *BATCHES)
    assert text.count("relu_()") == 1
    assert text.count("if self.training:") == 3
    text = assert_same(Calibrated(), *BATCHES)
    assert text.count("self.third(x)") == 1
    assert text.count("self.steps") == 1


def test_other_inputs_by_mode_are_refused() -> None:
    """A module has one signature."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = UnusedInput.Gate()

        def forward(self, x: Any) -> Any:
            return self.gate(x, torch.sigmoid(x) if self.training else None)

    with refused("gate takes 1 tensors in eval mode and 2 in training", file=__file__, line="x * mask"):
        convert(Net(), X)
