"""Recorded layers: torch's own, with a memory of their arguments."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.ir.effect import INPLACE_POSITION
from retix.nn.pytorch.layer import CONTAINERS, public_names
from retix.recipe import recipe_of
from tests.nn.pytorch.modules import Net, Wide

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("Identity", "GRU", "LSTM", "RNN", "FractionalMaxPool2d", "FractionalMaxPool3d"), (3, 4)),
    "AdaptiveLogSoftmaxWithLoss": (64, 20, [4, 10]),
    "DataParallel": (torch.nn.Linear(1, 1),),
    "Fold": ((4, 4), 2),
    "GroupNorm": (2, 4),
    "MultiheadAttention": (4, 2),
    "RNNBase": ("GRU", 3, 4),
    "TransformerDecoder": (torch.nn.TransformerDecoderLayer(4, 2), 1),
    "TransformerDecoderLayer": (4, 2),
    "TransformerEncoder": (torch.nn.TransformerEncoderLayer(4, 2, batch_first=True), 1),
    "TransformerEncoderLayer": (4, 2),
    "Transformer": (4, 2, 1, 1, 8, 0.1, "relu", None, None, 1e-5, True),
    "Unflatten": (1, (2, 2)),
    "UpsamplingBilinear2d": (2,),
    "UpsamplingNearest2d": (2,),
}
"""Arguments for layers that a few small numbers do not make."""

LAYERS = [
    name
    for name in public_names()
    if inspect.isclass(getattr(torch.nn, name)) and issubclass(getattr(torch.nn, name), torch.nn.Module)
]
RECORDED = [name for name in LAYERS if getattr(nn, name) is not getattr(torch.nn, name) and name != "Module"]


def arguments_of(name: str) -> tuple[Any, ...]:
    """Arguments that make torch's layer of that name."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    needed = [
        parameter
        for parameter in list(inspect.signature(getattr(torch.nn, name).__init__).parameters.values())[1:]
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return (2,) * len(needed)


def test_every_name_of_torch_is_there() -> None:
    """The door offers every public name of torch.nn, and itself has no other but the choices."""
    assert set(public_names()) <= set(nn.__all__)
    own = {
        *("Asked", "AutoActivation", "CONTAINERS", "Cell", "ChoiceOf", "ChosenInputs", "InputChoice", "LabelBook"),
        *("LayerChoice", "ModelParameterChoice", "Mutable", "NasBench101Cell", "NasBench201Cell", "Placeholder"),
        *("Repeat", "SelectInputs", "ValueChoice", "ValueChoiceX", "ValueRange", "constraints_of"),
        *(
            "construction_decisions",
            "decisions_of",
            "dependents_of",
            "find_labels",
            "fix",
            "fixed_arch",
            "list_inputs",
            "no_fixed_arch",
        ),
    }
    assert set(nn.__all__) - set(public_names()) == own
    assert len(nn.__all__) == len(set(nn.__all__))
    assert all(hasattr(nn, name) for name in nn.__all__)


def test_what_is_not_recorded() -> None:
    """Only containers, what torch has deprecated, and the base class are no recorded subclasses."""
    assert len(RECORDED) > 100
    rest = {name for name in LAYERS if name not in RECORDED}
    containers = {cls.__name__ for cls in CONTAINERS}
    deprecated = {name for name in rest if hasattr(getattr(torch.nn, name), "__deprecated__")}
    assert rest == containers | deprecated | {"Module"}
    assert nn.functional is torch.nn.functional
    assert nn.Parameter is torch.nn.Parameter


@pytest.mark.parametrize("name", RECORDED)
def test_layers_are_torchs_own(name: str) -> None:
    """A recorded layer is constructible where torch's is, an instance of it, with its state, and remembers how."""
    args = arguments_of(name)
    theirs, ours = getattr(torch.nn, name), getattr(nn, name)
    layer = ours(*args)
    assert isinstance(layer, theirs)
    assert list(layer.state_dict()) == list(theirs(*args).state_dict())
    assert repr(layer) == repr(theirs(*args))
    recipe = recipe_of(layer)
    assert recipe is not None
    assert (recipe.target, len(recipe.args), recipe.kwargs) == (ours, len(args), {})
    assert (ours.__name__, ours.__module__, ours.__doc__) == (name, "retix.nn.pytorch", theirs.__doc__)
    assert inspect.signature(ours) == inspect.signature(theirs)


def test_recorded_arguments() -> None:
    """Arguments are remembered as they were given; open ones as they are, while the layer gets their first answer."""
    width = nn.ValueChoice([16, 32], label="width")
    layer = nn.Conv2d(3, width * 2, kernel_size=(3, 3), bias=False)
    recipe = recipe_of(layer)
    assert recipe is not None
    assert recipe.args[0] == 3
    assert list(recipe.args[1].decisions()) == [width.decision]
    assert recipe.kwargs == {"kernel_size": (3, 3), "bias": False}
    assert layer.out_channels == 32
    assert layer.weight.shape == (32, 3, 3, 3)


def test_wrong_arguments_fail_as_in_torch() -> None:
    """What torch refuses is refused by the recorded layer with torch's own error."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'nope'"):
        nn.Linear(1, 1, nope=1)  # type: ignore[call-arg]  # a wrong call is what is tested
    with pytest.raises(ValueError, match="dropout probability"):
        nn.Dropout(2.0)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_of_models(duplicate: Any) -> None:
    """A model survives deepcopy and pickling: weights, recipes, choices, and what it computes."""
    model = Net()
    twin = duplicate(model)
    x = torch.ones(2, 3)
    assert torch.equal(twin(x), model(x))
    assert list(twin.state_dict()) == ["first.weight", "first.bias", "last.weight"]
    recipe = recipe_of(twin.first)
    assert recipe is not None
    assert [decision.label for decision in recipe.args[1].decisions()] == ["width"]
    assert twin.act.names == ["relu", "tanh"]
    assert twin.width.candidates == [4, 8]
    twin.first.weight.data.zero_()
    assert not torch.equal(twin.first.weight, model.first.weight)


def test_subclasses_of_layers_are_the_users() -> None:
    """A user's subclass works like torch's; only a layer's own class remembers arguments."""
    layer = Wide(3)
    assert layer.weight.shape == (6, 3)
    assert recipe_of(layer) is None
    assert isinstance(layer, torch.nn.Linear)
    assert torch.equal(pickle.loads(pickle.dumps(layer)).weight, layer.weight)


def test_state_goes_both_ways() -> None:
    """Weights of torch's model load into the recorded one and back."""
    ours = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_where_inplace_stands() -> None:
    """The IR knows, without torch, at which position each layer takes ``inplace``."""
    found = {}
    for name in LAYERS:
        parameters = list(inspect.signature(getattr(torch.nn, name)).parameters)
        if "inplace" in parameters:
            found[name] = parameters.index("inplace")
    assert found == INPLACE_POSITION
