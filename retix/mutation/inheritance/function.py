"""What is known of operators, and of layers without weights, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retix.ir import Module
from retix.mutation.inheritance.image import Image
from retix.mutation.inheritance.program import Ref, Step, short_name

_ELEMENTWISE = (
    "relu relu6 gelu silu sigmoid tanh elu selu celu leakyrelu softplus softsign hardswish hardsigmoid hardtanh mish "
    "logsigmoid hardshrink softshrink tanhshrink threshold abs neg exp expm1 log log1p sqrt rsqrt square sin cos pow "
    "clamp clampmin clampmax erf reciprocal round floor ceil float to"
)
_ZERO_KEEPING = (
    "relu relu6 gelu silu tanh elu selu celu leakyrelu softsign hardswish mish hardshrink softshrink tanhshrink abs "
    "neg square sin expm1 log1p erf flatten reshape view mean sum transpose permute maximum minimum"
)
_SPATIAL = (
    *("maxpool", "avgpool", "adaptivemaxpool", "adaptiveavgpool", "lppool", "upsampl", "replicationpad"),
    *("reflectionpad", "zeropad", "constantpad", "circularpad"),
)
_RANGE_KEEPING = (
    *("maxpool", "avgpool", "adaptivemaxpool", "adaptiveavgpool", "zeropad", "replicationpad", "reflectionpad"),
    *("upsamplenearest", "upsamplebilinear"),
)

ELEMENTWISE = frozenset(_ELEMENTWISE.split())
"""Does the same to each entry, whatever the others are."""

JOINING = frozenset(("add", "sub", "mul", "div", "maximum", "minimum", "rsub"))
"""Does that to entries of several tensors at the same place."""

MEANS = frozenset(("mean", "sum", "amax", "amin"))
"""Makes one entry of all along some axes."""

SOFTMAXES = frozenset(("softmax", "logsoftmax"))

RESHAPING = frozenset(("flatten", "reshape", "view", "transpose", "permute"))
"""Moves entries about."""

_KEEPING_ZERO = frozenset(_ZERO_KEEPING.split())

# The functions that do not change what is not negative, and what lies between 0 and 6.
_NOT_NEGATIVE = frozenset(("relu", "abs", "leakyrelu", "elu", "celu", "prelu"))
_UP_TO_SIX = _NOT_NEGATIVE | {"relu6"}
_FIXED = {
    **dict.fromkeys(("relu", "abs", "softplus", "square"), _NOT_NEGATIVE),
    **dict.fromkeys(("relu6", "sigmoid", "hardsigmoid", "softmax"), _UP_TO_SIX),
}


def name_function(step: Step) -> str:
    """One name for an operator, its variant in place, and the layer that does the same."""
    if isinstance(step.op, Module) and not step.type.startswith("torch.nn."):
        return step.type
    return step.type if "::" in short_name(step.type) else short_name(step.type).replace("_", "").lower()


def is_spatial(name: str) -> bool:
    """Whether it looks at the last axes alone: pooling, padding, resizing."""
    return name.startswith(_SPATIAL) or name == "pad"


def find_fixed(step: Step, given: Sequence[Image]) -> frozenset[str]:
    """The functions that do not change what a step gives."""
    name = name_function(step)
    if name in _FIXED:
        return _FIXED[name]
    kept = frozenset.intersection(*(image.fixed for image in given)) if given else frozenset()
    if name in ("add", "mul"):
        return kept & _NOT_NEGATIVE if len(given) > 1 and not step.kwargs else frozenset()
    if name in MEANS:
        return kept & _NOT_NEGATIVE
    keeps = name in RESHAPING or name in ("cat", "maximum", "minimum") or name.startswith(_RANGE_KEEPING)
    return kept if keeps else frozenset()


def leaves_alone(step: Step, given: Image) -> bool:
    """Whether a step of one input does not change what it is given, as a ReLU behind a ReLU."""
    return name_function(step) in given.fixed


def keeps_zero(name: str) -> bool:
    """Whether a function of 0 is 0."""
    return name in _KEEPING_ZERO or (is_spatial(name) and name != "pad" and not name.startswith("constantpad"))


def stops_at_zero(name: str) -> bool:
    """Whether a function hands back no gradient where it is given 0."""
    return name in ("relu", "relu6", "abs", "square")


def find_argument(step: Step, place: int, name: str, default: Any = None) -> Any:
    """An argument of an operator, by its place or name, or of the layer that does the same, which has no input."""
    if isinstance(step.op, Module):
        own = step.op.args[place - 1 : place]
        return own[0] if own else step.op.kwargs.get(name, default)
    return step.args[place] if len(step.args) > place else step.kwargs.get(name, default)


def list_items(step: Step) -> list[Ref] | None:
    """What is concatenated, if each item is a value."""
    items = step.args[0] if step.args and isinstance(step.args[0], (list, tuple)) else ()
    return list(items) if items and all(isinstance(item, Ref) for item in items) else None


def is_flattening(shape: Any) -> bool:
    """Whether a shape keeps the first axis and makes one of the others."""
    return isinstance(shape, (list, tuple)) and len(shape) == 2 and isinstance(shape[1], (int, Ref))


def list_comparable(step: Step) -> tuple[Any, ...]:
    """The arguments of a step, without those that only say how large its result is."""
    if name_function(step) in ("reshape", "view") and len(step.args) == 2 and is_flattening(step.args[1]):
        return step.args[0], "flattened"
    own = (list(step.op.args), dict(step.op.kwargs)) if isinstance(step.op, Module) else ()
    return step.args, step.kwargs, *own
