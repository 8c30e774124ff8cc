"""What plans say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix.codegen import generate
from retix.errors import MutationError
from retix.ir import Model
from retix.model_space import ModelSpace
from retix.mutation import InheritancePlan, plan_by_names, plan_inheritance
from retix.mutation.inheritance.image import NEW, covers, is_even, share, spread
from retix.weights.inheritance import apply
from tests.mutation.inheritance.test_preservation import PLAIN, SHORT, fit_sample, make_plan, space_of


def plan_change(name: str, parent: dict[str, Any], change: dict[str, Any]) -> InheritancePlan:
    """The plan for a changed sample."""
    space = space_of(name)
    return make_plan(space, fit_sample(space, parent), fit_sample(space, parent | change))


def find_entry(plan: InheritancePlan, layer: str) -> tuple[str, str]:
    """What the report says of a layer: what and why."""
    (entry,) = (entry for entry in plan.report if entry["layer"] == layer)
    return entry["what"], entry["why"]


def test_units_are_copied_in_turn_and_shared_unequally() -> None:
    """The copies of a unit add up to it, and no two of them give the same."""
    index = spread(3, 8)
    assert index == (0, 1, 2, 0, 1, 2, 0, 1)
    assert spread(4, 4) is None
    assert spread(4, 2) == (0, 1)
    shares = share(index)
    for unit in range(3):
        own = [weight for weight, other in zip(shares, index, strict=True) if other == unit]
        assert sum(own) == pytest.approx(1)
        assert len(set(own)) == len(own)
    assert share((0, NEW, 1)) == [1, 0, 1]


def test_what_is_missing_and_what_is_even() -> None:
    """Missing units break a sum over units, unequal counts of copies a mean over them."""
    assert covers(None, 3)
    assert covers((0, 1, 2, 0), 3)
    assert not covers((0, 1, NEW), 3)
    assert is_even((0, 1, 0, 1), 2)
    assert not is_even((0, 1, 0), 2)
    assert not is_even((0, NEW), 1)


def test_equal_layers_are_copied() -> None:
    """Where nothing differs, every tensor is copied under its own name."""
    plan = plan_change("plain", PLAIN, {"drop": 0.4})
    assert plan.preserves
    assert all(rule == {"rule": "copy", "from": name} for name, rule in plan.tensors.items())
    assert {entry["what"] for entry in plan.report} == {"copied"}


def test_wider_layers() -> None:
    """Outputs are copied, inputs are copied and shared, and behind a flatten the runs of a unit go together."""
    plan = plan_change("plain", PLAIN, {"width": 6})
    outputs, inputs, *kernel = plan.tensors["blocks.0.conv.weight"]["axes"]
    assert outputs == {"index": [0, 1, 2, 3, 0, 1], "scale": None}
    assert inputs["index"] == [0, 1, 2, 3, 0, 1]
    assert inputs["scale"][2:4] == [1, 1]
    assert inputs["scale"][0] + inputs["scale"][4] == pytest.approx(1)
    assert kernel == [None, None]
    _, features = plan.tensors["hidden.weight"]["axes"]
    assert features["index"] == [unit * 16 + i for unit in (0, 1, 2, 3, 0, 1) for i in range(16)]
    assert plan.tensors["norm.num_batches_tracked"]["rule"] == "copy"


def test_larger_kernels() -> None:
    """The kernel lies in the middle of the larger one, which is 0 around it."""
    plan = plan_change("plain", PLAIN, {"kernel": 5})
    axis = {"index": [NEW, 0, 1, 2, NEW], "scale": [0, 1, 1, 1, 0]}
    assert plan.tensors["stem.weight"]["axes"] == [None, None, axis, axis]
    assert find_entry(plan, "stem") == ("resized", "")


def test_smaller_layers_say_so() -> None:
    """What is left out is said, and the rest goes on."""
    plan = plan_change("plain", PLAIN | {"width": 8, "kernel": 5}, {"width": 4, "kernel": 3})
    assert not plan.preserves
    assert find_entry(plan, "stem") == ("narrowed", "its kernel is smaller")
    assert find_entry(plan, "blocks.0.conv")[1] == "some units of its counterpart's input are missing"
    assert plan.tensors["stem.weight"]["axes"][2] == {"index": [1, 2, 3], "scale": None}


def test_inserted_layers() -> None:
    """Layers between are identities; what only leads to a layer that gives 0 starts as ever."""
    deeper = plan_change("plain", PLAIN, {"depth": 2})
    assert deeper.tensors["blocks.1.conv.weight"] == {"rule": "identity", "index": [0, 1, 2, 3]}
    assert deeper.tensors["blocks.1.bn.running_var"] == {"rule": "fill", "value": pytest.approx(1 - 1e-5)}
    branch = plan_change("plain", SHORT, {"taken": (0, 1), "depth": 2, "inner": 3, "extra": "0"})
    assert find_entry(branch, "blocks.1.bn") == ("zero", "")
    assert find_entry(branch, "blocks.0.conv") == ("initial", "only a layer that gives 0 needs it")


def test_other_layers_in_the_same_place() -> None:
    """A candidate of another kind starts anew; what stands before and behind it is kept."""
    plan = plan_change("mlp", {"width": 6, "norm": "1", "act": "0", "more": 0, "inner": 5}, {"norm": "0"})
    assert find_entry(plan, "norm") == ("initial", "the parent has another layer in its place")
    assert plan.tensors["first.weight"]["rule"] == "copy"
    assert plan.tensors["last.weight"]["rule"] == "copy"


def test_plans_travel_as_json() -> None:
    """A plan comes back as it was; that of a newer retix is refused."""
    plan = plan_change("plain", PLAIN, {"width": 8, "depth": 2})
    assert InheritancePlan.from_json(plan.to_json()) == plan
    with pytest.raises(MutationError, match="has version 99"):
        InheritancePlan.from_json({**plan.to_json(), "version": 99})
    assert plan_by_names().to_json()["by_name"] is True


class Tied(nn.Module):
    """The words that come out have the weights of those that go in."""

    def __init__(self) -> None:
        super().__init__()
        hidden = nn.ValueChoice([6, 9], label="hidden")
        self.words = nn.Embedding(7, 6)
        self.up = nn.Linear(6, hidden)
        self.down = nn.Linear(hidden, 6)
        self.out = nn.Linear(6, 7, bias=False)
        self.out.weight = self.words.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.down(torch.relu(self.up(self.words(x)))))


def test_tied_weights_stay_tied() -> None:
    """One tensor under two names gets one rule."""
    space = ModelSpace(Tied(), example_inputs=torch.zeros(2, 3, dtype=torch.long))
    plan = make_plan(space, {"hidden": 6}, {"hidden": 9})
    assert plan.preserves
    parent, child = space.instantiate({"hidden": 6}), space.instantiate({"hidden": 9})
    apply(child, parent.state_dict(), plan.to_json())
    assert child.get_parameter("out.weight") is child.get_parameter("words.weight")
    words = torch.randint(0, 7, (2, 3))
    assert torch.allclose(parent(words), child(words), atol=1e-6)


def test_layers_that_a_mutator_added() -> None:
    """A layer without a counterpart in the base model is found by its name, by parent and child alike."""

    def deepen(count: int) -> Model:
        space = space_of("text")
        model = space.build({"heads": 2, "hidden": 8, "rank": 2})
        for number in range(count):
            head = model.root.node("head")
            added = model.root.add_module(
                f"extra{number}", "torch.nn.Linear", head.inputs, {"in_features": 2, "out_features": 2}, before=head
            )
            head.replace_input(head.inputs[0], added.output)
        return model

    models = [deepen(1), deepen(2)]
    sources = [generate(model) for model in models]
    plan = plan_inheritance(models[0], models[1], sources[0].state_names, sources[1].state_names)
    assert plan.preserves
    assert plan.tensors["extra0.weight"] == {"rule": "copy", "from": "extra0.weight"}
    assert plan.tensors["extra1.weight"]["rule"] == "identity"


class Reused(nn.Module):
    """One convolution, called several times."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.again = nn.LayerChoice([nn.Identity(), nn.ReLU()], label="again")
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(torch.relu(self.conv(torch.relu(self.stem(x)))))
        return self.head(self.again(x).mean((2, 3)))


def test_layers_called_twice() -> None:
    """Weights that serve twice are widened alike in both calls."""
    space = ModelSpace(Reused(), example_inputs=torch.zeros(2, 1, 6, 6))
    parent, child = space.instantiate({"width": 4, "again": "0"}), space.instantiate({"width": 8, "again": "0"})
    plan = make_plan(space, {"width": 4, "again": "0"}, {"width": 8, "again": "0"})
    assert plan.preserves
    apply(child, parent.state_dict(), plan.to_json())
    given = torch.randn(2, 1, 6, 6)
    assert torch.allclose(parent(given), child(given), atol=1e-5)


class Overwriting(nn.Module):
    """A value is changed in place that is used again."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        self.first = nn.Linear(3, width)
        self.last = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        y = torch.sigmoid(x)
        x.mul_(2)
        return self.last(x + y)


def test_changes_in_place_promise_nothing() -> None:
    """Where a step overwrites what others take, weights are handed on, but no function is promised."""
    space = ModelSpace(Overwriting(), example_inputs=torch.zeros(2, 3))
    plan = make_plan(space, {"width": 4}, {"width": 8})
    assert not plan.preserves
    assert plan.tensors["first.weight"]["rule"] == "map"


class Stretched(nn.Module):
    """What is added stretches what it is added to."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.beside = nn.Conv2d(2, 4, 3, padding=1)
        self.taken = nn.InputChoice(2, n_chosen=None, label="taken")
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.taken([self.first(x).mean((2, 3), keepdim=True), self.beside(x)])
        return self.head(F.adaptive_max_pool2d(y, 2).sum((2, 3)))


def test_zeros_that_stretch_are_no_zeros() -> None:
    """A branch of zeros that changes the size of what it is added to does not count as nothing."""
    space = ModelSpace(Stretched(), example_inputs=torch.zeros(2, 2, 6, 6))
    assert not make_plan(space, {"taken": (0,)}, {"taken": (0, 1)}).preserves
    assert make_plan(space, {"taken": (1,)}, {"taken": (0, 1)}).preserves
