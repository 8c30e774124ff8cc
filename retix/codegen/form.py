"""How torch's operators look when a person writes them.

Each entry of `FORMS` turns the arguments of one operator, in the order of its schema, into an expression. An operator
that is not in the table is written as a call of ``torch.ops``, which takes the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from retix.codegen.expression import (
    BITAND,
    BITOR,
    BITXOR,
    CALL,
    COMPARISON,
    NOT,
    POWER,
    SUM,
    TERM,
    UNARY,
    Expression,
    call,
    infix,
    method,
    prefix,
)

Arguments: TypeAlias = list[Any]
Keywords: TypeAlias = dict[str, Any]
Render: TypeAlias = Callable[[Any], Expression]
Form: TypeAlias = Callable[[Render, Arguments, Keywords], "Expression | None"]
"""Returns None where the arguments are too unusual for the nice form."""

FORMS: dict[str, Form] = {}


def _register(names: str, make: Callable[[str], Form]) -> None:
    for name in names.split():
        FORMS[f"aten::{name}"] = make(name)


def _as_method(name: str) -> Form:
    def form(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        receiver, *rest = map(render, args)
        return method(receiver, name, rest, _rendered(render, kwargs))

    return form


def _as_function(prefix: str, name: str, keywords: Mapping[int, str] | None = None) -> Form:
    """``prefix.name(…)``; positional arguments at the given places are written by keyword."""

    def form(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        named = {keywords[i]: arg for i, arg in enumerate(args) if keywords and i in keywords}
        plain = [render(arg) for i, arg in enumerate(args) if not (keywords and i in keywords)]
        return call(f"{prefix}.{name}", plain, _rendered(render, {**named, **_without_pin(kwargs)}))

    return form


def _rendered(render: Render, kwargs: Keywords) -> dict[str, Expression]:
    return {name: render(value) for name, value in kwargs.items()}


def _without_pin(kwargs: Keywords) -> Keywords:
    """Tracing writes ``pin_memory=False`` into every tensor that forward makes."""
    return {name: value for name, value in kwargs.items() if not (name == "pin_memory" and value is False)}


def _as_infix(operator: str, precedence: int) -> Callable[[str], Form]:
    def make(name: str) -> Form:
        def form(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
            if kwargs or len(args) != 2:
                return call(f"torch.{name}", map(render, args), _rendered(render, kwargs))
            return infix(render(args[0]), operator, render(args[1]), precedence)

        return form

    return make


_METHODS = """
    abs all amax amin any argmax argmin argsort bernoulli broadcast_to chunk clamp clamp_max clamp_min clone contiguous
    cos cumsum detach diagonal diff div exp expand expand_as flatten flip gather index_add index_select isfinite isinf
    isnan log logical_and logical_not logical_or logsumexp masked_fill masked_select max maximum mean median min minimum
    movedim narrow new_empty new_full new_ones new_zeros norm nonzero numel permute prod reciprocal repeat
    repeat_interleave reshape rsqrt scatter scatter_add select_scatter sign sin size softmax sort split
    split_with_sizes sqrt square squeeze std sum swapaxes t tile to topk transpose type_as unbind unflatten unfold
    unsqueeze var view view_as dim item
    abs_ add_ bernoulli_ clamp_ clamp_max_ clamp_min_ copy_ div_ exp_ fill_ masked_fill_ mul_ neg_ normal_ relu_
    scatter_ scatter_add_ sigmoid_ squeeze_ sub_ tanh_ transpose_ uniform_ unsqueeze_ zero_ index_add_ pow_ sqrt_
    requires_grad_ erf
"""
_FUNCTIONAL = """
    relu relu6 relu6_ selu selu_ celu celu_ silu silu_ mish mish_ hardswish hardswish_ hardsigmoid hardsigmoid_ elu_
    hardtanh hardtanh_ leaky_relu leaky_relu_ logsigmoid softplus softsign tanhshrink glu gelu prelu
    avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    pad pixel_shuffle pixel_unshuffle channel_shuffle one_hot scaled_dot_product_attention grid_sampler
    cosine_similarity pairwise_distance
"""
_TORCH = """
    cat stack einsum zeros ones empty full arange linspace eye zeros_like ones_like empty_like full_like rand rand_like
    randn randn_like where bmm baddbmm addmm outer triu tril roll meshgrid sigmoid tanh cumprod dot mv addcmul
    addcdiv lerp erfc log_softmax cdist cross kron floor ceil round trunc fmod hypot atan2 sinh cosh tan asin
    acos atan log1p log2 log10 expm1 polar view_as_complex view_as_real fft_fft bucketize tensordot searchsorted
    diag diag_embed block_diag rot90 renorm isclose histc bincount unique_consecutive
"""
_register(_METHODS, _as_method)
_register(_FUNCTIONAL, lambda name: _as_function("F", name))
_register(_TORCH, lambda name: _as_function("torch", name))

for _name, _operator, _precedence in (
    ("add", "+", SUM),
    ("sub", "-", SUM),
    ("mul", "*", TERM),
    ("matmul", "@", TERM),
    ("floor_divide", "//", TERM),
    ("remainder", "%", TERM),
    ("pow", "**", POWER),
    ("eq", "==", COMPARISON),
    ("ne", "!=", COMPARISON),
    ("lt", "<", COMPARISON),
    ("le", "<=", COMPARISON),
    ("gt", ">", COMPARISON),
    ("ge", ">=", COMPARISON),
    ("bitwise_and", "&", BITAND),
    ("bitwise_or", "|", BITOR),
    ("bitwise_xor", "^", BITXOR),
    ("__and__", "&", BITAND),
    ("__or__", "|", BITOR),
    ("__xor__", "^", BITXOR),
):
    FORMS[f"aten::{_name}"] = _as_infix(_operator, _precedence)(_name)
FORMS["aten::div"] = _as_infix("/", TERM)("div")

FORMS["aten::cat"] = _as_function("torch", "cat", {1: "dim"})
FORMS["aten::stack"] = _as_function("torch", "stack", {1: "dim"})
FORMS["aten::softmax"] = _as_function("F", "softmax", {1: "dim"})
FORMS["aten::log_softmax"] = _as_function("F", "log_softmax", {1: "dim"})
FORMS["aten::dropout"] = _as_function("F", "dropout", {1: "p", 2: "training"})
FORMS["aten::dropout_"] = _as_function("F", "dropout", {1: "p", 2: "training"})
FORMS["aten::feature_dropout"] = _as_function("F", "dropout2d", {1: "p", 2: "training"})
for _name in ("mean", "sum", "amax", "amin"):
    FORMS[f"aten::{_name}"] = _as_method(_name)


def form(name: str) -> Callable[[Form], Form]:
    """Register the form of one operator."""

    def register(function: Form) -> Form:
        FORMS[name] = function
        return function

    return register


@form("aten::neg")
def _neg(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("-", render(args[0]), UNARY)


@form("aten::bitwise_not")
def _bitwise_not(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("~", render(args[0]), UNARY)


@form("aten::rsub")
def _rsub(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    return None if kwargs else infix(render(args[1]), "-", render(args[0]), SUM)


@form("aten::dropout_")
def _dropout_in_place(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    x, p, training = map(render, args)
    return call("F.dropout", [x], {"p": p, "training": training, "inplace": Expression("True")})


@form("aten::einsum")
def _einsum(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    equation, operands, *path = args
    if any(item is not None for item in path) or not isinstance(operands, list):
        return None
    return call("torch.einsum", [render(equation), *map(render, operands)])


@form("aten::elu")
def _elu(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    return None if kwargs or len(args) > 2 else call("F.elu", map(render, args))


@form("aten::layer_norm")
def _layer_norm(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return _norm("F.layer_norm", ("weight", "bias", "eps"), render, args, kwargs, keep=2)


@form("aten::group_norm")
def _group_norm(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return _norm("F.group_norm", ("weight", "bias", "eps"), render, args, kwargs, keep=2)


def _norm(
    function: str, names: tuple[str, ...], render: Render, args: Arguments, kwargs: Keywords, keep: int
) -> Expression:
    named = dict(zip(names, args[keep:], strict=False)) | {k: v for k, v in kwargs.items() if k in names}
    given = {name: value for name, value in named.items() if value is not None}
    return call(function, map(render, args[:keep]), _rendered(render, given))


@form("aten::batch_norm")
def _batch_norm(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    x, weight, bias, mean, var, training, momentum, eps = args[:8]
    named = {"weight": weight, "bias": bias, "training": training, "momentum": momentum, "eps": eps}
    return call("F.batch_norm", map(render, (x, mean, var)), _rendered(render, named))


@form("aten::_convolution")
def _convolution(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = args[:9]
    if not isinstance(stride, (list, tuple)) or transposed is None:
        return None
    name = f"F.conv{'_transpose' if transposed else ''}{len(stride)}d"
    named = {"bias": bias, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        named["output_padding"] = output_padding
    plain: dict[str, tuple[Any, ...]] = {
        "bias": (None,),
        "stride": (1,),
        "padding": (0,),
        "dilation": (1,),
        "groups": (1,),
        "output_padding": (0,),
    }
    given = {k: v for k, v in named.items() if v not in plain[k] and not _all_in(v, plain[k])}
    return call(name, map(render, (x, weight)), _rendered(render, given))


def _all_in(value: Any, plain: tuple[Any, ...]) -> bool:
    return isinstance(value, (list, tuple)) and all(type(item) is int and item in plain for item in value)


@form("aten::embedding")
def _embedding(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    names = ("padding_idx", "scale_grad_by_freq", "sparse")
    named = dict(zip(names, args[2:], strict=False)) | kwargs
    given = {k: v for k, v in named.items() if v is not False and v != -1}
    return call("F.embedding", [render(args[1]), render(args[0])], _rendered(render, given))


@form("aten::constant_pad_nd")
def _constant_pad(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    value = args[2:] or [kwargs.get("value", 0)]
    return call("F.pad", map(render, args[:2]), {"value": render(value[0])} if value[0] != 0 else {})


def _interpolate(mode: str, has_corners: bool) -> Form:
    def form(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        names = ["output_size", *(["align_corners"] if has_corners else []), "scale_factors"]
        given = dict(zip(names, args[1:], strict=False)) | kwargs
        if not set(given) <= set(names):
            return None
        size, factors = given.get("output_size"), given.get("scale_factors")
        named = {"scale_factor": factors} if factors is not None else {"size": size}
        if mode != "nearest":
            named["mode"] = mode
        if given.get("align_corners"):
            named["align_corners"] = True
        return call("F.interpolate", [render(args[0])], _rendered(render, named))

    return form


for _mode, _operators in {
    "nearest": "nearest1d nearest2d nearest3d",
    "linear": "linear1d",
    "bilinear": "bilinear2d",
    "bicubic": "bicubic2d",
    "trilinear": "trilinear3d",
}.items():
    for _operator in _operators.split():
        FORMS[f"aten::upsample_{_operator}"] = _interpolate(_mode, _mode != "nearest")


# -- Python's own operators, which the IR has for numbers and structures --------------------------------------------

for _name, _operator, _precedence in (
    ("add", "+", SUM),
    ("sub", "-", SUM),
    ("mul", "*", TERM),
    ("truediv", "/", TERM),
    ("floordiv", "//", TERM),
    ("mod", "%", TERM),
    ("pow", "**", POWER),
    ("eq", "==", COMPARISON),
    ("ne", "!=", COMPARISON),
    ("lt", "<", COMPARISON),
    ("le", "<=", COMPARISON),
    ("gt", ">", COMPARISON),
    ("ge", ">=", COMPARISON),
    ("is", "is", COMPARISON),
    ("isnot", "is not", COMPARISON),
    ("contains", "in", COMPARISON),
    ("and", "and", 20),
    ("or", "or", 15),
):
    FORMS[f"python::{_name}"] = _as_infix(_operator, _precedence)(_name)

for _name in ("int", "float", "bool", "len", "list", "abs", "round"):
    FORMS[f"python::{_name}"] = lambda render, args, kwargs, name=_name: call(name, map(render, args))  # type: ignore[misc]  # a lambda's default
for _name in ("sqrt", "ceil", "floor"):
    FORMS[f"python::{_name}"] = lambda render, args, kwargs, name=_name: call(f"math.{name}", map(render, args))  # type: ignore[misc]  # likewise


@form("python::neg")
def _python_neg(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("-", render(args[0]), UNARY)


@form("python::not")
def _python_not(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("not ", render(args[0]), NOT)


@form("python::getitem")
def _getitem(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return Expression(f"{render(args[0]).within(CALL)}[{render(args[1])}]", CALL)


@form("python::getattr")
def _getattr(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return Expression(f"{render(args[0]).within(CALL)}.{args[1]}", CALL)


@form("python::device")
def _device(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return Expression(f"{render(args[0]).within(CALL)}.device", CALL)


@form("python::dtype")
def _dtype(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return Expression(f"{render(args[0]).within(CALL)}.dtype", CALL)


@form("python::append")
def _append(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return method(render(args[0]), "append", [render(args[1])])


def write_operator(name: str, render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    """The expression that applies the operator ``name``."""
    known = FORMS.get(name)
    written = known(render, args, kwargs) if known is not None else None
    if written is not None:
        return written
    namespace, _, operator = name.partition("::")
    return call(f"torch.ops.{namespace}.{operator}", map(render, args), _rendered(render, kwargs))
