"""Every model of the zoo that can be measured without data costs what torch counts for the user's own."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from retix.errors import ProfileError
from retix.ir import Graph, Model
from retix.profile import infer_shapes
from tests.profile.test_summary import count_base
from tests.zoo.test_zoo import ANIMALS
from tests.zoo.zoo import ZOO, Animal, Captured, capture

Capture = Callable[[Animal], Captured]

DECIDES_BY_DATA = {"Gate", "Converge"}


@pytest.mark.parametrize("animal", ANIMALS)
def test_costs_what_the_base_model_costs(animal: Animal, captured: Capture) -> None:
    """Parameters, FLOPs and activation memory are those of the base model; a model that needs data is refused."""
    found = captured(animal)
    args, kwargs = animal.inputs(3)
    inputs = (*args, *kwargs.values())
    if animal.name in DECIDES_BY_DATA:
        with pytest.raises(ProfileError, match="cannot be run without data"):
            found.model.summary(inputs)
        return
    summary = found.model.summary(inputs)
    assert (summary.flops, summary.activation_bytes) == count_base(copy.deepcopy(found.module).train(), *args, **kwargs)
    assert summary.n_parameters == sum(p.numel() for p in found.module.parameters())


def types_of(graph: Graph) -> dict[str, tuple[object, object]]:
    """Shape and dtype of every value."""
    values = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
    return {value.name: (value.shape, value.dtype) for value in values}


@pytest.mark.parametrize(
    "animal", [animal for animal in ZOO if not (animal.scripted or animal.broken)], ids=lambda a: a.name
)
def test_shapes_are_those_of_the_trace(animal: Animal, captured: Capture) -> None:
    """Run anew, all values that count have the shapes that the trace saw, and at another batch size those of that."""
    for batch, traced in ((2, captured(animal).model), (3, recapture(animal, 3))):
        model = captured(animal).model.copy()
        args, kwargs = animal.inputs(batch)
        infer_shapes(model, (*args, *kwargs.values()))
        n_known = 0
        for name, graph in model.graphs.items():
            old = types_of(traced.graphs[name])
            known = {key: found for key, found in types_of(graph).items() if found[0] is not None}
            n_known += len(known)
            assert known == {key: old[key] for key in known}
        run = [graph for name, graph in model.graphs.items() if ":train" not in name]  # it runs in eval mode
        assert n_known > sum(map(len, map(types_of, run))) / 3


def recapture(animal: Animal, batch: int) -> Model:
    """The model, traced on another batch size."""
    torch.manual_seed(0)
    return capture(Animal(animal.build, lambda _: animal.inputs(batch))).model
