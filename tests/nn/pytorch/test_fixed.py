"""Models with their choices made, in Python."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import NoContextError, SpaceError
from retix.recipe import basic_unit, collecting, model_wrapper, recipe_of
from retix.space import Constraint, Sample
from tests.nn.pytorch.samples import draw, list_samples


class Net(nn.Module):
    """Choices of every kind, nested three deep, without labels where they need none."""

    def __init__(self) -> None:
        super().__init__()
        width = nn.ValueChoice([4, 8], label="width")
        self.first = nn.Linear(3, width)
        inner = nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        self.block = nn.Repeat(
            nn.LayerChoice([nn.Sequential(nn.Linear(width, width), inner), nn.Identity()], label="op"), (0, 2)
        )
        self.take = nn.InputChoice(2, None, "mean")
        self.rate = nn.ValueChoice([0.5, 2.0])

    def forward(self, x: torch.Tensor) -> Any:
        x = self.first(x)
        return self.take([self.block(x), x]) * (self.rate * 2)()


def _by_hand(fixed: Any, sample: Sample, x: torch.Tensor) -> Any:
    """What the model of a sample computes, written with functions."""
    x = torch.nn.functional.linear(x, fixed.first.weight, fixed.first.bias)
    assert fixed.first.weight.shape == (sample["width"], 3)
    deep = x
    for index in range(sample["block"]):
        if sample["op"] == "0":
            linear = fixed.block[index][0]
            deep = torch.nn.functional.linear(deep, linear.weight, linear.bias)
            deep = deep.relu() if sample["block.0.0.1"] == "relu" else deep.tanh()
    taken = [(deep, x)[index] for index in sample["take"]]
    return (taken[0] if len(taken) == 1 else (taken[0] + taken[1]) / 2) * sample["rate"] * 2


def test_every_sample() -> None:
    """Each model of a small space computes what its sample says, and holds no choice any more."""
    net, x = Net(), torch.randn(2, 3)
    samples = list(list_samples(net))
    for sample in samples:
        fixed = nn.fix(net, sample)
        assert torch.equal(fixed(x), _by_hand(fixed, sample, x))
        assert nn.decisions_of(fixed) == []
        assert not any(isinstance(part, nn.Mutable) for part in fixed.modules())
    # depth 0: 1; depth 1 or 2: op 1, or op 0 with two inner ones; times width, take, rate
    assert len(samples) == (1 + 2 * 3) * 2 * 3 * 2


def test_weights_are_carried_over() -> None:
    """Parameters whose shapes agree keep their values; the base model stays as it is."""
    net = Net()
    before = copy.deepcopy(net.state_dict())
    sample = Sample({"width": 4, "block": 2, "op": "0", "block.0.0.1": "tanh", "take": [0], "rate": 0.5})
    fixed: Any = nn.fix(net, sample)
    assert torch.equal(fixed.first.weight, net.first.weight)
    assert torch.equal(fixed.block[1][0].weight, net.block[1][0][0].weight)
    assert fixed.block[1][0].weight is not net.block[1][0][0].weight
    assert list(net.state_dict()) == list(before)
    assert isinstance(net.take, nn.InputChoice)


def test_mode_device_and_type_are_kept() -> None:
    """A layer that is made again has the mode, type and frozen parameters of the one in the base model."""
    net = nn.Sequential(nn.Linear(3, nn.ValueChoice([4, 8], label="w")).double().requires_grad_(False)).eval()
    layer: Any = nn.fix(net, {"w": 8})[0]  # type: ignore[index]  # a Sequential
    assert layer.weight.shape == (8, 3)
    assert layer.weight.dtype is torch.float64
    assert not layer.weight.requires_grad
    assert not layer.training


def test_fixing_twice() -> None:
    """What is fixed is left as it is by another fix, and labels that a model does not know do no harm."""
    net, x = Net(), torch.randn(2, 3)
    sample = next(draw(net, 1))
    once = nn.fix(net, sample)
    again = nn.fix(once, {**sample, "unknown": 3})
    assert torch.equal(once(x), again(x))
    assert str(once) == str(again)


def test_shared_labels_and_shared_modules() -> None:
    """Choices of one label become the same, and a module that stands twice stays one."""
    choice = nn.LayerChoice([nn.Linear(2, 2), nn.Identity()], label="c")
    net = torch.nn.Sequential(choice, choice, nn.LayerChoice([nn.Tanh(), nn.ReLU()], label="c"))
    fixed: Any = nn.fix(net, {"c": "0"})
    assert fixed[0] is fixed[1]
    assert type(fixed[2]) is nn.Tanh


def test_origin_of_what_was_chosen() -> None:
    """A module in a choice's place says where it stood in the choice."""
    inner = nn.LayerChoice({"a": nn.ReLU(), "b": nn.Linear(2, 2)}, label="inner")
    net = torch.nn.Sequential(nn.LayerChoice([nn.Identity(), inner], label="outer"))
    fixed: Any = nn.fix(net, {"outer": "1", "inner": "b"})
    assert fixed[0]._retix_origin == "1.b"


def test_names_for_answers() -> None:
    """Answers may be given as people write them: an index of a candidate or of an input."""
    net = torch.nn.ModuleList(
        [nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="l"), nn.InputChoice(choose_from=["a", "b"], label="i")]
    )
    fixed: Any = nn.fix(net, {"l": 1, "i": "b"})
    assert type(fixed[0]) is nn.Tanh
    assert fixed[1].chosen == [1]
    x = {"a": torch.zeros(1), "b": torch.ones(1)}
    assert nn.fix(net, {"l": 1, "i": 1})[1].chosen == [1]  # type: ignore[index]  # a ModuleList
    assert torch.equal(net[1](x), x["a"])


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"op": "0"}, "the choice 'width' has no answer"),
        ({"width": 4}, "the choice 'op' has no answer"),
        ({"width": 5, "op": "0"}, "5 does not answer the choice 'width'"),
        ({"width": 4, "op": "2"}, "'2' does not answer the choice 'op'"),
    ],
)
def test_refused_answers(answers: dict[str, Any], message: str) -> None:
    """An answer that is missing, or that answers nothing, is refused by its label."""
    width = nn.ValueChoice([4, 8], label="width")
    net = torch.nn.Sequential(nn.Linear(3, width), nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="op"))
    with pytest.raises(SpaceError, match=message):
        nn.fix(net, answers)


class Dead(nn.Module):
    """A choice whose result an input choice may leave unused."""

    def __init__(self) -> None:
        super().__init__()
        self.op = nn.LayerChoice([nn.Linear(2, 2), nn.Identity()], label="op")
        self.take = nn.InputChoice(2, 1, label="take")

    def forward(self, x: torch.Tensor) -> Any:
        return self.take([self.op(x).sin(), x])


def test_answers_of_unused_results_may_be_missing() -> None:
    """A choice without an answer is left alone where nobody takes its result, and refused where somebody does."""
    x = torch.randn(1, 2)
    assert torch.equal(nn.fix(Dead(), {"take": (1,)})(x), x)
    with pytest.raises(SpaceError, match="depends on a choice without an answer: 'op'"):
        nn.fix(Dead(), {"take": (0,)})(x)


def test_arguments_that_make_no_layer() -> None:
    """Values that do not go together are refused with the layer, its line, and the values."""
    net = torch.nn.Sequential(nn.Conv2d(4, 4, 1, groups=nn.ValueChoice([2, 3], label="groups")))
    with pytest.raises(SpaceError, match="0 cannot be made as Conv2d") as caught:
        nn.fix(net, {"groups": 3})
    assert "groups=3" in caught.value.what
    assert "test_fixed.py:" in str(caught.value.where)


def test_rules_are_met() -> None:
    """A sample that breaks a rule of the model is refused."""

    class Ruled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = nn.ValueChoice([2, 4])
            self.layer = nn.Linear(2, width)
            self.rule = Constraint(width < 4, "too wide")

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(x)

    assert nn.fix(Ruled(), {"layer.out_features": 2})(torch.ones(1, 2)).shape == (1, 2)
    with pytest.raises(SpaceError, match="too wide"):
        nn.fix(Ruled(), {"layer.out_features": 4})


@basic_unit
class Unit(nn.Module):
    def __init__(self, layers: list[torch.nn.Module], scale: float) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x * self.scale


def test_open_arguments_of_arguments() -> None:
    """A basic unit is made again with the layers it was given, which are made again too."""
    width = nn.ValueChoice([2, 4], label="w")
    unit = Unit([nn.Linear(3, width), nn.Linear(width, 1)], scale=nn.ValueChoice([1.0, 2.0], label="s"))
    fixed: Any = nn.fix(torch.nn.Sequential(unit), {"w": 4, "s": 2.0})[0]  # type: ignore[index]
    assert fixed.scale == 2.0
    assert [tuple(layer.weight.shape) for layer in fixed.layers] == [(4, 3), (1, 4)]


@model_wrapper
class Wrapped(nn.Module):
    """Asks while it is built, and takes choices as arguments."""

    def __init__(self, width: Any = 4) -> None:
        super().__init__()
        self.depth: int = nn.ModelParameterChoice([1, 2, 3], default=nn.ModelParameterChoice.LAST, label="depth")
        choices = [nn.LayerChoice([nn.Linear(width, width), nn.Identity()]) for _ in range(self.depth)]
        self.layers = torch.nn.Sequential(nn.Linear(3, width), *choices)

    def forward(self, x: torch.Tensor) -> Any:
        return self.layers(x)


def test_choices_made_while_building() -> None:
    """A model remembers what it asked, and is made again where the answer is another one."""
    net = Wrapped(nn.ValueChoice([4, 8], label="width"))
    assert net.depth == 3
    assert [(a.decision.label, a.answer) for a in nn.construction_decisions(net)] == [("depth", 3)]
    assert [d.label for d in nn.decisions_of(net)] == ["depth", "width", "layers.1", "layers.2", "layers.3"]
    answers = {"depth": 1, "width": 8, "layers.1": "0"}
    fixed: Any = nn.fix(net, answers)
    assert fixed.depth == 1
    assert fixed(torch.randn(2, 3)).shape == (2, 8)
    assert nn.decisions_of(fixed)[1:] == []


def test_fixed_arch_with_a_wrapped_model() -> None:
    """A model_wrapper class built under answers needs no labels."""
    with nn.fixed_arch({"depth": 2, "width": 8, "layers.1": "0", "layers.2": "1"}):
        net: Any = Wrapped(nn.ValueChoice([4, 8], label="width"))
        with nn.no_fixed_arch():
            assert nn.decisions_of(Wrapped())
    assert [type(layer).__name__ for layer in net.layers] == ["Linear", "Linear", "Identity"]
    assert net(torch.randn(1, 3)).shape == (1, 8)


def test_fixed_arch_without_a_wrapper() -> None:
    """Choices with labels are settled as they are made, whatever they stand in."""
    with nn.fixed_arch({"op": "1", "inner": "0", "w": 5, "take": [1], "rep": 2, "x/0_1": "1"}):
        assert type(nn.LayerChoice([nn.LayerChoice([nn.ReLU()], label="dead"), nn.Tanh()], label="op")) is nn.Tanh
        width = nn.ValueChoice([4, 5], label="w")
        assert width * 2 == 10
        assert width() == 5
        assert nn.Linear(3, width).weight.shape == (5, 3)
        assert torch.nn.Linear(3, int(width)).weight.shape == (5, 3)
        assert isinstance(nn.InputChoice(2, label="take"), nn.ChosenInputs)
        assert len(nn.Repeat(nn.LayerChoice([nn.ReLU()], label="inner"), (1, 3), label="rep")) == 2
        cell: Any = nn.NasBench201Cell([nn.Linear, lambda i, o: nn.ReLU()], 2, 2, 2, label="x")
        assert type(cell.layers[0][0]) is nn.ReLU
        unknown = nn.LayerChoice([nn.ReLU()])
        assert nn.LayerChoice.create_fixed_module([nn.ReLU(), nn.Tanh()], label="op").__class__ is nn.Tanh
    with pytest.raises(SpaceError, match="automatic label"):
        unknown(torch.ones(1))
    assert isinstance(nn.LayerChoice([nn.ReLU()], label="op"), nn.LayerChoice)
    with pytest.raises(NoContextError, match="where nothing is fixed"):
        nn.ValueChoice.create_fixed_module([1, 2], label="w")


def test_fixed_arch_from_a_file(tmp_path: Path) -> None:
    """Answers may come from a JSON file; one that cannot be read is refused."""
    path = tmp_path / "arch.json"
    path.write_text(json.dumps({"op": "1"}))
    with nn.fixed_arch(path):
        assert type(nn.LayerChoice([nn.ReLU(), nn.Tanh()], label="op")) is nn.Tanh
    path.write_text("[1]")
    with pytest.raises(SpaceError, match="holds no answers"), nn.fixed_arch(str(path)):
        pass
    with pytest.raises(SpaceError, match="cannot be read"), nn.fixed_arch(tmp_path / "none.json"):
        pass


def test_parameter_choices() -> None:
    """A parameter choice gives a plain value, by default or as answered; nobody's is refused."""
    with pytest.raises(NoContextError, match="nobody would know"):
        nn.ModelParameterChoice([1, 2], label="a")
    with collecting({"a": 2}) as asked:
        assert nn.ModelParameterChoice([1, 2], label="a") == 2
        assert nn.ModelParameterChoice([1, 2], default=2) == 2
        assert nn.ModelParameterChoice([torch.nn.ReLU, torch.nn.Tanh], default=nn.ModelParameterChoice.LAST)
        with pytest.raises(SpaceError, match="two different choices"):
            nn.ModelParameterChoice([1, 3], label="a")
        with pytest.raises(SpaceError, match="is none of"):
            nn.ModelParameterChoice([1, 3], default=2)
        with pytest.raises(SpaceError, match="gives 2"):
            nn.ModelParameterChoice([1, 3], default=lambda candidates: 2)
    assert [each.decision.label for each in asked] == ["a", "parameter_1", "parameter_2"]
    assert asked[2].answer == "torch.nn.modules.activation.Tanh"
    with nn.fixed_arch({"a": 1}):
        assert nn.ModelParameterChoice([1, 2], label="a") == 1
        with pytest.raises(SpaceError, match="'b' has no answer"):
            nn.ModelParameterChoice([1, 2], label="b")


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: cloudpickle.loads(cloudpickle.dumps(net))],
)
def test_copies_have_the_same_choices(duplicate: Any) -> None:
    """Copies and pickles of a model ask the same questions under the same labels, and fix to the same model."""
    net, x = Net(), torch.randn(1, 3)
    twin = duplicate(net)
    assert nn.decisions_of(twin) == nn.decisions_of(net)
    sample = next(draw(net, 3)).to_json() | {"width": 4}
    assert torch.equal(nn.fix(twin, sample)(x), nn.fix(net, sample)(x))


def test_hooks_and_recipes_of_what_is_made_again() -> None:
    """A layer that is made again keeps the user's hooks, and remembers the arguments it has now."""
    layer = nn.Linear(2, nn.ValueChoice([3, 4], label="w"))
    layer.register_forward_hook(lambda module, inputs, result: result * 0)
    fixed: Any = nn.fix(torch.nn.Sequential(layer), {"w": 4})[0]  # type: ignore[index]
    assert torch.equal(fixed(torch.ones(1, 2)), torch.zeros(1, 4))
    recipe = recipe_of(fixed)
    assert recipe is not None
    assert recipe.args == (2, 4)
