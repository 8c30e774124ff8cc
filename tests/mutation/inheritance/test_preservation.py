"""A child whose plan says so computes what its parent computes."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from retix.model_space import ModelSpace
from retix.mutation import InheritancePlan, plan_inheritance
from retix.strategy.regularized_evolution import mutate
from retix.weights.inheritance import InheritanceReport, apply
from tests.mutation.inheritance.nets import SPACES, Branching, make_space

PLAIN = {"width": 4, "kernel": 3, "depth": 1, "inner": 3, "extra": "0", "taken": (1,), "pool": "0"}
PLAIN |= {"drop": 0.1, "hidden": 8}
SHORT = {"width": 4, "kernel": 3, "taken": (0,), "pool": "0", "drop": 0.1, "hidden": 8}
RESNET = {"width": 4, "inner": 4, "depth": 2, "gate": "0"}
MOBILE = {"width": 4, "depth": 1, "ratio0": 2, "kernel0": 3}
MLP = {"width": 6, "norm": "1", "act": "0", "more": 0, "inner": 5}
MIXED = {"width": 4, "kernel": 3, "norm": "0", "pad": 1, "same": "0"}

# Space, sample, and what is changed about it without changing the function.
KEEPING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("plain", PLAIN, {}),
    ("plain", PLAIN, {"width": 6}),
    ("plain", PLAIN, {"width": 8}),
    ("plain", PLAIN, {"kernel": 5}),
    ("plain", PLAIN | {"kernel": 1}, {"kernel": 5}),
    ("plain", PLAIN, {"inner": 5}),
    ("plain", PLAIN, {"depth": 3}),
    ("plain", PLAIN, {"extra": "1"}),
    ("plain", PLAIN, {"extra": "2"}),
    ("plain", PLAIN | {"extra": "1"}, {"extra": "2"}),
    ("plain", PLAIN, {"hidden": 12}),
    ("plain", PLAIN, {"drop": 0.4}),
    ("plain", PLAIN, {"width": 8, "kernel": 5, "depth": 3, "inner": 5, "extra": "2", "hidden": 12, "drop": 0.4}),
    ("plain", SHORT, {"taken": (1,), "depth": 2, "inner": 3, "extra": "0"}),
    ("plain", SHORT, {"taken": (0, 1), "depth": 2, "inner": 3, "extra": "0"}),
    ("plain", SHORT, {"taken": (0, 1), "depth": 1, "inner": 5, "extra": "1", "width": 6}),
    ("resnet", RESNET, {"width": 12}),
    ("resnet", RESNET, {"inner": 6}),
    ("resnet", RESNET, {"depth": 4}),
    ("resnet", RESNET | {"gate": "1"}, {"width": 8, "inner": 8, "depth": 3}),
    ("mobilenet", MOBILE, {"width": 8}),
    ("mobilenet", MOBILE, {"ratio0": 3, "kernel0": 7}),
    ("mobilenet", MOBILE, {"depth": 3, "ratio1": 3, "kernel1": 5, "ratio2": 1, "kernel2": 3}),
    ("mobilenet", MOBILE, {"width": 8, "depth": 2, "ratio1": 2, "kernel1": 3, "kernel0": 5}),
    ("inception", {"width": 2, "chosen": (0,)}, {"width": 3}),
    ("inception", {"width": 2, "chosen": (0,)}, {"width": 4}),
    ("growing", {"count": 1}, {"count": 2}),
    ("growing", {"count": 1}, {"count": 3}),
    ("growing", {"count": 2}, {"count": 3}),
    ("mlp", MLP, {"width": 15}),
    ("mlp", MLP | {"norm": "0"}, {"width": 12}),
    ("mlp", MLP | {"norm": "0"}, {"width": 18}),
    ("mlp", MLP | {"norm": "2"}, {"norm": "1"}),
    ("mlp", MLP, {"inner": 10, "more": 2, "width": 12}),
    ("mlp", MLP | {"act": "1"}, {"width": 12}),
    ("text", {"heads": 2, "hidden": 8, "rank": 2}, {"hidden": 24}),
    ("text", {"heads": 2, "hidden": 8, "rank": 2}, {"rank": 4}),
    ("patches", {"width": 4}, {"width": 8}),
    ("mixed", MIXED, {"width": 8}),
    ("mixed", MIXED | {"norm": "1"}, {"width": 8, "kernel": 5}),
    ("mixed", MIXED, {"same": "1"}),
    ("mixed", MIXED, {"kernel": 5}),
]

# What changes the function, whatever the weights.
CHANGING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("plain", PLAIN, {"pool": "1"}),
    ("plain", PLAIN | {"width": 8}, {"width": 4}),
    ("plain", PLAIN | {"kernel": 5}, {"kernel": 3}),
    ("plain", PLAIN, {"taken": (0, 1)}),
    ("plain", PLAIN | {"depth": 3}, {"depth": 2}),
    ("resnet", RESNET, {"gate": "1"}),
    ("mlp", MLP, {"act": "2"}),
    ("mlp", MLP | {"norm": "0"}, {"width": 15}),
    ("mlp", MLP, {"norm": "0"}),
    ("text", {"heads": 2, "hidden": 8, "rank": 2}, {"heads": 4}),
    ("mixed", MIXED, {"pad": 0}),
    ("mixed", MIXED, {"norm": "1"}),
]


@functools.cache
def space_of(name: str) -> ModelSpace:
    """One of the spaces, captured once."""
    return make_space(name)


def fit_sample(space: ModelSpace, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sample of those answers, of which the ones that nothing asks are left out."""
    return space.walk(lambda decision: wanted.get(decision.label, decision.first()))


def make_plan(space: ModelSpace, parent: Mapping[str, Any], child: Mapping[str, Any]) -> InheritancePlan:
    """The plan for two samples, as it arrives in a worker."""
    names = [space.source(sample).state_names for sample in (parent, child)]
    plan = plan_inheritance(space.build(parent), space.build(child), names[0], names[1])
    return InheritancePlan.from_json(json.loads(json.dumps(plan.to_json())))


def train_a_little(model: torch.nn.Module, example: torch.Tensor) -> None:
    """Let no weight, mean or variance be what it is at the start."""
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.1
    with torch.no_grad():
        for _ in range(3):
            model(draw_like(example))


def draw_like(example: torch.Tensor) -> torch.Tensor:
    """A random input."""
    if not example.is_floating_point():
        return torch.randint(0, 11, example.shape)
    return torch.randn(example.shape, dtype=torch.get_default_dtype())


def inherit(
    space: ModelSpace, parent: Mapping[str, Any], child: Mapping[str, Any], example: torch.Tensor
) -> tuple[InheritanceReport, bool]:
    """Let a child inherit; gives the report, and whether the two compute the same in eval mode."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)  # so that what is equal is told from what is close
    try:
        models = [space.instantiate(sample).double() for sample in (parent, child)]
        train_a_little(models[0], example)
        plan = make_plan(space, parent, child)
        report = apply(models[1], models[0].state_dict(), plan.to_json())
        given = draw_like(example)
        with torch.no_grad():
            first, second = (as_tuple(model.eval()(given)) for model in models)
    finally:
        torch.set_default_dtype(torch.float32)
    same = [
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(first, second, strict=True)
    ]
    return report, all(same)


def as_tuple(output: Any) -> tuple[torch.Tensor, ...]:
    """The tensors that a model returns."""
    return output if isinstance(output, tuple) else (output,)


@pytest.mark.parametrize(("name", "parent", "change"), KEEPING)
def test_function_is_preserved(name: str, parent: dict[str, Any], change: dict[str, Any]) -> None:
    """Wider, deeper, larger kernels, layers and branches between: the child begins where its parent ended."""
    space = space_of(name)
    samples = fit_sample(space, parent), fit_sample(space, parent | change)
    report, same = inherit(space, *samples, SPACES[name][1])
    assert report.preserves, report.layers
    assert same
    assert report.inherited > 0


@pytest.mark.parametrize(("name", "parent", "change"), CHANGING)
def test_other_functions_are_admitted(name: str, parent: dict[str, Any], change: dict[str, Any]) -> None:
    """Where the function has to change, the plan says so, and still takes over most of the weights."""
    space = space_of(name)
    samples = fit_sample(space, parent), fit_sample(space, parent | change)
    report, same = inherit(space, *samples, SPACES[name][1])
    assert not report.preserves
    assert not same
    assert report.inherited > 0.4 * report.parameters


@pytest.mark.parametrize("name", SPACES)
def test_random_mutations(name: str) -> None:
    """Whatever a mutation changes: if the plan says that the function is preserved, it is; something is inherited."""
    space, rng = space_of(name), random.Random(7)
    for _ in range(8):
        parent = space.random(rng)
        child = mutate(space, parent, rng.choice((0.0, 0.0, 0.3)), rng)
        report, same = inherit(space, parent, child, SPACES[name][1])
        assert same or not report.preserves, (parent, child, report.layers)
        assert report.inherited > 0


def test_data_dependent_branches() -> None:
    """Layers inside of control flow are copied; around it, the function can be preserved."""
    space = ModelSpace(Branching())
    for change, kept in (({}, True), ({"width": 8}, True), ({"out": 3}, False)):
        report, same = inherit(space, {"width": 4, "out": 2}, {"width": 4, "out": 2, **change}, torch.zeros(3, 6))
        assert report.preserves == same == kept
        assert report.inherited > 0


def test_zeroed_branches_can_learn() -> None:
    """A branch that gives 0 behind a ReLU gets gradients all the same, so that it is not dead for ever."""
    space = space_of("plain")
    samples = [fit_sample(space, SHORT), fit_sample(space, PLAIN | {"taken": (0, 1)})]
    torch.manual_seed(0)
    parent, child = (space.instantiate(sample) for sample in samples)
    plan = make_plan(space, *samples)
    assert plan.preserves
    apply(child, parent.state_dict(), plan.to_json())
    child.train()(torch.randn(4, 1, 8, 8)).square().sum().backward()
    last = child.get_parameter("blocks.0.bn.weight")
    assert last.count_nonzero() == 0
    assert last.grad is not None
    assert last.grad.count_nonzero() > 0


def test_copies_of_a_unit_part() -> None:
    """Copies of one unit do not stay equal when the child is trained."""
    space = space_of("plain")
    samples = [fit_sample(space, PLAIN), fit_sample(space, PLAIN | {"width": 8})]
    torch.manual_seed(0)
    parent, child = (space.instantiate(sample) for sample in samples)
    apply(child, parent.state_dict(), make_plan(space, *samples).to_json())
    weight = child.get_parameter("stem.weight")
    assert torch.equal(weight[:4], weight[4:])
    optimizer = torch.optim.SGD(child.parameters(), 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        child.train()(torch.randn(4, 1, 8, 8)).square().sum().backward()
        optimizer.step()
    assert (weight[:4] - weight[4:]).abs().max() > 1e-4
