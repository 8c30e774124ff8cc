"""Layers of torch that remember no arguments: the recovered call makes an equal layer."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from retix.converter import convert
from retix.converter.leaf import LeafBook, is_leaf, recover_arguments
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError
from retix.ir import Model, Module, Open, Symbol
from retix.nn import pytorch as rnn
from retix.nn.pytorch import LabelBook
from retix.recipe import basic_unit
from tests.converter.equality import assert_same

nn = torch.nn

# Every layer of torch.nn with arguments that are not its defaults, as far as it has any.
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    **{f"AdaptiveAvgPool{n}d": (((3,) * n if n > 1 else 3,), {}) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": ((2,), {"return_indices": True}) for n in (1, 2, 3)},
    "AdaptiveLogSoftmaxWithLoss": ((8, 20, [4, 10]), {"div_value": 2.0, "head_bias": True}),
    **{name: ((0.3,), {}) for name in ("AlphaDropout", "FeatureAlphaDropout")},
    **{f"Dropout{n}": ((0.3,), {"inplace": True}) for n in ("", "1d", "2d", "3d")},
    "AvgPool1d": ((3,), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    **{f"AvgPool{n}d": ((3,), {"stride": 2, "padding": 1, "divisor_override": 5}) for n in (2, 3)},
    **{
        f"BatchNorm{n}d": ((6,), {"eps": 1e-3, "momentum": None, "affine": False, "track_running_stats": False})
        for n in (1, 2, 3)
    },
    "SyncBatchNorm": ((6,), {"eps": 1e-3, "momentum": 0.2}),
    **{f"InstanceNorm{n}d": ((6,), {"affine": True, "track_running_stats": True}) for n in (1, 2, 3)},
    "GroupNorm": ((2, 6), {"eps": 1e-3, "affine": False}),
    "LayerNorm": (((4, 6),), {"eps": 1e-3, "bias": False}),
    "RMSNorm": ((6,), {"eps": 1e-3, "elementwise_affine": False}),
    "LocalResponseNorm": ((2,), {"alpha": 1e-3, "beta": 0.5, "k": 2.0}),
    "CrossMapLRN2d": ((2,), {"alpha": 1e-3, "beta": 0.5, "k": 2}),
    "Bilinear": ((3, 4, 5), {"bias": False}),
    "Linear": ((3, 4), {"bias": False}),
    "Identity": ((), {}),
    **{
        f"Conv{n}d": ((4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False})
        for n in (1, 2, 3)
    },
    **{
        f"ConvTranspose{n}d": ((4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2})
        for n in (1, 2, 3)
    },
    "ChannelShuffle": ((2,), {}),
    **{f"CircularPad{n}d": ((1,), {}) for n in (1, 2, 3)},
    **{f"ReflectionPad{n}d": ((1,), {}) for n in (1, 2, 3)},
    **{f"ReplicationPad{n}d": ((2,), {}) for n in (1, 2, 3)},
    **{f"ZeroPad{n}d": ((1,), {}) for n in (1, 2, 3)},
    **{f"ConstantPad{n}d": ((1, 0.5), {}) for n in (1, 2, 3)},
    **{name: ((0.7,), {"inplace": True}) for name in ("CELU", "ELU", "LeakyReLU")},
    **{name: ((), {"inplace": True}) for name in ("Hardsigmoid", "Hardswish", "Mish", "ReLU", "ReLU6", "SELU", "SiLU")},
    **{name: ((), {}) for name in ("LogSigmoid", "Sigmoid", "Softmax2d", "Softsign", "Tanh", "Tanhshrink")},
    "GELU": (("tanh",), {}),
    "GLU": ((1,), {}),
    **{name: ((0.7,), {}) for name in ("Hardshrink", "Softshrink")},
    "Hardtanh": ((-2.0, 2.0), {"inplace": True}),
    "PReLU": ((3,), {"init": 0.1}),
    "RReLU": ((0.1, 0.4), {"inplace": True}),
    "Softplus": ((2, 10.0), {}),
    "Threshold": ((0.1, 20.0), {"inplace": True}),
    **{name: ((1,), {}) for name in ("LogSoftmax", "Softmax", "Softmin")},
    "CosineSimilarity": ((), {"dim": 0, "eps": 1e-3}),
    "PairwiseDistance": ((), {"p": 1.0, "keepdim": True}),
    "Embedding": ((10, 4), {"padding_idx": 3, "max_norm": 2.0, "norm_type": 1.0, "sparse": True}),
    "EmbeddingBag": ((10, 4), {"mode": "sum", "include_last_offset": True, "padding_idx": 3}),
    "Flatten": ((2, 3), {}),
    "Unflatten": ((1, (2, 3)), {}),
    "Fold": (((4, 5), (2, 2)), {"stride": 2}),
    "Unfold": ((3,), {"padding": 1, "stride": 2}),
    "FractionalMaxPool2d": ((3,), {"output_ratio": (0.5, 0.5), "return_indices": True}),
    "FractionalMaxPool3d": ((3,), {"output_size": (2, 3, 4)}),
    **{f"LPPool{n}d": ((2.0, 3), {"stride": 2, "ceil_mode": True}) for n in (1, 2, 3)},
    **{
        f"MaxPool{n}d": ((3,), {"stride": 2, "padding": 1, "dilation": 2, "return_indices": True, "ceil_mode": True})
        for n in (1, 2, 3)
    },
    **{f"MaxUnpool{n}d": ((3,), {"stride": 2, "padding": 1}) for n in (1, 2, 3)},
    **{
        name: ((3, 4), {"num_layers": 2, "bias": False, "batch_first": True, "dropout": 0.2, "bidirectional": True})
        for name in ("GRU", "LSTM")
    },
    "RNN": ((3, 4), {"num_layers": 2, "nonlinearity": "relu", "batch_first": True}),
    "RNNBase": (("LSTM", 3, 4), {"num_layers": 2}),
    **{name: ((3, 4), {"bias": False}) for name in ("GRUCell", "LSTMCell")},
    "RNNCell": ((3, 4), {"nonlinearity": "relu"}),
    "MultiheadAttention": ((8, 2), {"dropout": 0.1, "bias": False, "kdim": 4, "add_zero_attn": True}),
    "PixelShuffle": ((2,), {}),
    "PixelUnshuffle": ((2,), {}),
    "Upsample": ((), {"scale_factor": 2.0, "mode": "bilinear", "align_corners": True}),
    "UpsamplingBilinear2d": ((), {"scale_factor": 2.0}),
    "UpsamplingNearest2d": (((4, 5),), {}),
    "TransformerEncoderLayer": (
        (8, 2),
        {"dim_feedforward": 12, "dropout": 0.2, "activation": "gelu", "norm_first": True, "batch_first": True},
    ),
    "TransformerDecoderLayer": ((8, 2), {"dim_feedforward": 12, "layer_norm_eps": 1e-3, "bias": False}),
    "TransformerEncoder": (
        (nn.TransformerEncoderLayer(8, 2, 12), 2),
        {"norm": nn.LayerNorm(8), "enable_nested_tensor": False},
    ),
    "TransformerDecoder": ((nn.TransformerDecoderLayer(8, 2, 12), 2), {}),
    "Transformer": ((8, 2, 1, 1, 12), {"dropout": 0.2, "batch_first": True}),
    **{name: ((), {"reduction": "sum"}) for name in ("BCELoss", "L1Loss", "MSELoss", "SoftMarginLoss")},
    **{name: ((), {"reduction": "sum"}) for name in ("MultiLabelMarginLoss", "MultiLabelSoftMarginLoss")},
    "BCEWithLogitsLoss": ((), {"reduction": "none"}),
    "CTCLoss": ((), {"blank": 1, "zero_infinity": True}),
    "CosineEmbeddingLoss": ((0.5,), {}),
    "CrossEntropyLoss": ((), {"ignore_index": 3, "label_smoothing": 0.1}),
    "GaussianNLLLoss": ((), {"full": True, "eps": 1e-3}),
    "HingeEmbeddingLoss": ((2.0,), {}),
    "HuberLoss": ((), {"delta": 2.0}),
    "KLDivLoss": ((), {"log_target": True, "reduction": "batchmean"}),
    "MarginRankingLoss": ((0.5,), {}),
    "MultiMarginLoss": ((2, 0.5), {}),
    "NLLLoss": ((), {"ignore_index": 3}),
    "PoissonNLLLoss": ((), {"log_input": False, "full": True}),
    "SmoothL1Loss": ((), {"beta": 2.0}),
    "TripletMarginLoss": ((), {"margin": 2.0, "p": 1.0, "swap": True}),
}

LAYERS = {
    name: cls
    for name, cls in vars(nn).items()
    if inspect.isclass(cls) and issubclass(cls, nn.Module) and cls.__module__.startswith("torch.nn.modules")
}
UNREACHABLE = {
    "Module",
    "Container",  # deprecated
    *("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"),  # containers, no layers
    *(name for name in LAYERS if name.startswith("Lazy")),  # become other layers when they are first called
    "NLLLoss2d",  # deprecated
    "RNNCellBase",  # abstract
    "TripletMarginWithDistanceLoss",  # takes a function that is called like a layer
    "LinearCrossEntropyLoss",  # newer than the oldest torch that retix supports
}


@pytest.fixture
def book() -> LeafBook:
    """A book that has written nothing yet."""
    labels = LabelBook()
    return LeafBook(labels, SourceBook())


def settings(module: nn.Module) -> dict[str, Any]:
    """The plain attributes of a module and of everything in it."""
    return {
        f"{path}.{key}": value
        for path, part in module.named_modules()
        for key, value in vars(part).items()
        if isinstance(value, (bool, int, float, str, tuple, type(None)))
    }


def test_every_layer_of_torch_is_in_the_table() -> None:
    """No layer of torch.nn is left untried."""
    assert set(LAYERS) - UNREACHABLE <= set(CALLS)


@pytest.mark.parametrize("name", [name for name in CALLS if name in LAYERS])
def test_recovered_call_makes_an_equal_layer(name: str) -> None:
    """A layer made again from its recovered arguments has the same settings and the same parameters."""
    args, kwargs = CALLS[name]
    layer = LAYERS[name](*args, **kwargs)
    twin = type(layer)(**recover_arguments(layer, "layer"))
    assert settings(twin) == settings(layer)
    shapes = {key: value.shape for key, value in layer.state_dict().items()}
    assert {key: value.shape for key, value in twin.state_dict().items()} == shapes


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (nn.Conv2d(3, 8, 3), {"in_channels": 3, "out_channels": 8, "kernel_size": 3}),
        (nn.Conv2d(3, 8, (3, 5)), {"in_channels": 3, "out_channels": 8, "kernel_size": (3, 5)}),
        (nn.MaxPool2d(2), {"kernel_size": 2}),
        (nn.AvgPool1d(3), {"kernel_size": 3}),
        (nn.LSTM(3, 4), {"input_size": 3, "hidden_size": 4}),
        (nn.LayerNorm(8), {"normalized_shape": 8}),
        (nn.ReLU(), {}),
        (nn.Linear(2, 3, dtype=torch.float64), {"in_features": 2, "out_features": 3, "dtype": torch.float64}),
    ],
    ids=lambda item: type(item).__name__,
)
def test_shortest_call(layer: nn.Module, arguments: dict[str, Any]) -> None:
    """Defaults are left out, and tuples of one number are that number."""
    assert recover_arguments(layer, "layer") == arguments


def test_changed_layer_is_refused() -> None:
    """A layer that no arguments make any more is not guessed."""
    layer = nn.Linear(3, 4)
    layer.weight = nn.Parameter(torch.ones(4, 7))
    with pytest.raises(ConversionError, match=r"head\.fc: Linear was changed after it was made, in weight"):
        recover_arguments(layer, "head.fc")


def test_layer_that_cannot_be_made_again() -> None:
    """Attributes that torch itself refuses are an error that names the layer."""
    layer = nn.Conv2d(4, 4, 3)
    layer.groups = 3
    with pytest.raises(ConversionError, match="conv: Conv2d cannot be made again from its attributes"):
        recover_arguments(layer, "conv")


def test_unreadable_argument() -> None:
    """An argument that the layer does not keep is named."""
    layer = nn.Linear(3, 4)
    del layer.in_features
    with pytest.raises(ConversionError, match="the argument 'in_features' of Linear cannot be read off it"):
        recover_arguments(layer, "fc")


def test_leaves() -> None:
    """Torch's layers, basic units and choices are leaves; containers and users' modules are not."""

    @basic_unit
    class Unit(nn.Module):
        pass

    class Mine(nn.Linear):
        pass

    assert all(map(is_leaf, [nn.Linear(1, 1), rnn.Linear(1, 1), Unit(), rnn.LayerChoice([nn.ReLU()])]))
    assert not any(map(is_leaf, [nn.Sequential(), nn.ModuleList(), Mine(1, 1)]))


def test_recorded_layer_is_described_by_its_recipe(book: LeafBook) -> None:
    """A layer of retix is described by the call that made it, under torch's name, choices open."""
    layer = rnn.Linear(3, rnn.ValueChoice([4, 8], label="width"), bias=False)
    described = book.describe(layer, "fc")
    assert described.type == "torch.nn.Linear"
    assert described.args[0] == 3
    assert isinstance(described.args[1], Open)
    assert described.kwargs == {"bias": False}
    assert described.state == ("weight",)


def test_literals(book: LeafBook) -> None:
    """Objects of torch become names, sizes tuples, recorded objects calls."""
    assert book.literal(torch.float16, "x") == Symbol("torch.float16")
    assert book.literal(torch.Size([2, 3]), "x") == (2, 3)
    assert book.literal(torch.device("cpu"), "x") == "cpu"
    assert book.literal({"a": [1, None, ...]}, "x") == {"a": [1, None, ...]}
    assert book.literal(torch.nn.functional.gelu, "x").name.endswith("gelu")
    assert book.literal(rnn.ReLU(), "x") == Module("torch.nn.ReLU")


def test_live_object_is_refused(book: LeafBook) -> None:
    """An argument that cannot be written names the layer and the argument."""

    @basic_unit
    class Unit(nn.Module):
        def __init__(self, table: Any) -> None:
            super().__init__()

    with pytest.raises(ConversionError, match=r"block\.unit\.table was made with the argument .* of type object"):
        book.describe(Unit(object()), "block.unit")


def test_frozen_layer_is_refused(book: LeafBook) -> None:
    """A layer that does not train is no call of its class alone."""
    layer = rnn.Linear(3, 4)
    layer.bias.requires_grad_(False)
    with pytest.raises(ConversionError, match=r"stem \(Linear\) does not train its bias"):
        book.describe(layer, "stem")


def test_layer_frozen_as_a_whole() -> None:
    """A layer of which nothing is trained is made so again, also from JSON."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = torch.nn.Linear(4, 4).requires_grad_(False)
            self.head = torch.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.head(self.stem(x))

    x = torch.ones(2, 4)
    assert "self.stem = nn.Linear(4, 4).requires_grad_(False)" in assert_same(Net(), (x,))
    model = convert(Net(), x)
    trained = Net()
    trained.stem.requires_grad_(True)
    assert Model.from_json(model.to_json()).digest() == model.digest() != convert(trained, x).digest()
