"""Samples of the decisions that are read off a module."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from retix.space import DecisionSpace, Sample


def draw(module: torch.nn.Module, seed: int) -> Iterator[Sample]:
    """Random samples that meet the rules of the model, without end."""
    space, rules, rng = DecisionSpace(nn.decisions_of(module)), nn.constraints_of(module), random.Random(seed)
    while True:
        sample = space.walk(lambda decision: decision.draw(rng))
        if all(_holds(rule.expression, sample) for rule in rules):
            yield sample


def list_samples(module: torch.nn.Module) -> Iterator[Sample]:
    """Every sample of a small space."""
    return DecisionSpace(nn.decisions_of(module)).grid()


def _holds(expression: object, sample: Sample) -> bool:
    try:
        return bool(expression.evaluate(sample))  # type: ignore[attr-defined]
    except SpaceError:
        return True
