"""Whether a sample's graph and its Python build are one and the same network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix import ModelSpace
from retix.codegen import Source
from tests.converter.equality import load
from tests.converter.spaces import name_in_build


def assert_builds_agree(
    space: ModelSpace, net: torch.nn.Module, sample: Mapping[str, Any], inputs: torch.Tensor
) -> None:
    """Compare what the generated code and the Python build of a sample compute, in eval and in training mode.

    Weights are those of the base model; where a choice changed a shape, those of the Python build.
    """
    source, built = space.source(sample), space.python(sample)
    twin = load(source)
    twin.load_state_dict(map_weights(source, twin, net, built))
    for training in (False, True):
        wanted, found = (run(model, training, inputs) for model in (built, twin))
        assert torch.equal(wanted, found), f"{sample}\n{source.text}"


def map_weights(
    source: Source, twin: torch.nn.Module, net: torch.nn.Module, built: torch.nn.Module
) -> dict[str, torch.Tensor]:
    """The weights of the base model and its Python build, under their names in generated code."""
    base, made = net.state_dict(), built.state_dict()
    assert set(source.state_names) == set(twin.state_dict()), source.text
    state = {}
    for here, origin in source.state_names.items():
        state[here] = made[name_in_build(net, origin)]
        if base[origin].shape == state[here].shape:
            assert torch.equal(base[origin], state[here]), f"the Python build lost the weights of {origin}"
    return state


def run(model: torch.nn.Module, training: bool, inputs: torch.Tensor) -> Any:
    """What a model computes, with the same random numbers each time."""
    model.train(training)
    torch.manual_seed(7)
    with torch.no_grad():
        return model(inputs.clone())
