"""Names of types as NNI's scripts write them, and as the IR has them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

_FILES = {
    "activation": "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
    "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink "
    "Softsign Tanh Tanhshrink Threshold",
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm",
    "channelshuffle": "ChannelShuffle",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d "
    "LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d",
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d "
    "LazyInstanceNorm3d",
    "linear": "Bilinear Identity LazyLinear Linear",
    "loss": "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
    "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss MarginRankingLoss MultiLabelMarginLoss "
    "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss "
    "TripletMarginLoss TripletMarginWithDistanceLoss",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
    "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
    "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d "
    "LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNCell",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer",
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}

_SCRIPTED = "__torch__."
_MANGLED = re.compile(r"___torch_mangle_\d+\.")
_CHOICE_PACKAGES = ("retix.nn.pytorch.", "nni.retiarii.nn.pytorch.", "nni.nas.nn.pytorch.")
_CHOICES = {
    **{"LayerChoice": "layerchoice", "InputChoice": "chooseinputs", "SelectInputs": "selectinputs"},
    "Placeholder": "retix.nn.pytorch.Placeholder",
    "ChosenInputs": "retix.nn.pytorch.ChosenInputs",
}
_KINDS = {
    **{"_cell": "cell", "_outputs": "return", "prim::Constant": "constant", "prim::GetAttr": "attribute"},
    **{"prim::If": "if", "prim::Loop": "loop"},
}


def find_canonical_type(written: str) -> str:
    """The name under which the IR has a type.

    ``torch.nn.Conv2d`` for a layer of torch, also where it was written ``retix.nn.pytorch.Conv2d`` or as TorchScript
    writes it, ``__torch__.torch.nn.modules.conv.Conv2d``; the importable name of other classes; the names of operators;
    and the kinds of `Node.type` for choices, cells and control flow.
    """
    if written in _KINDS:
        return _KINDS[written]
    name = _MANGLED.sub("", written.removeprefix(_SCRIPTED).removeprefix("__mutated__."))
    last = name.rpartition(".")[2]
    for package in _CHOICE_PACKAGES:
        if name.startswith(package):
            return _CHOICES.get(last) or (f"torch.nn.{last}" if last in _FILE_OF else name)
    if name == f"torch.nn.modules.{_FILE_OF.get(last)}.{last}":
        return f"torch.nn.{last}"
    return name


def write_scripted_type(type_name: str) -> str:
    """The type as NNI's graphs have it; the opposite of `find_canonical_type`."""
    package, _, last = type_name.rpartition(".")
    if package == "torch.nn" and last in _FILE_OF:
        return f"{_SCRIPTED}torch.nn.modules.{_FILE_OF[last]}.{last}"
    return f"{_SCRIPTED}{type_name}" if package and "::" not in type_name else type_name


def is_type(wanted: str, found: str) -> bool:
    """Whether a type that the IR has is the one that was ``wanted``, however written; a class's own name will do."""
    canonical = find_canonical_type(wanted)
    return canonical == found or ("." not in canonical and found.rpartition(".")[2] == canonical)


def bind_parameters(type_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by their names, those that were given by position too where the class is loaded.

    Nothing is imported: whoever captured a model has loaded its classes. Where they are not, as in a process that only
    read the graph, arguments given by position are called ``"0"``, ``"1"`` and so on.
    """
    if not args:
        return dict(kwargs)
    names = _find_names(type_name)
    if len(names) < len(args):
        names = [str(index) for index in range(len(args))]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _find_names(type_name: str) -> list[str]:
    module, _, name = type_name.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    constructor = getattr(found, "__init__", None)
    code = getattr(constructor, "__code__", None)
    return list(code.co_varnames[1 : code.co_argcount]) if code is not None else []
