"""Torch's operators whose arguments stand differently in the function that people call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retix.codegen.expression import SUM, UNARY, Expression, call, infix, method, prefix
from retix.codegen.form import Arguments, Form, Keywords, Render, collapse, form
from retix.ir import Symbol, Value


def _write_named(render: Render, named: Keywords) -> dict[str, Expression]:
    return {name: render(value) for name, value in named.items()}


@form("aten::neg")
def _neg(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("-", render(args[0]), UNARY)


@form("aten::bitwise_not")
def _bitwise_not(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    return prefix("~", render(args[0]), UNARY)


@form("aten::rsub")
def _rsub(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    return None if kwargs or len(args) > 2 else infix(render(args[1]), "-", render(args[0]), SUM)


@form("aten::size")
def _size(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    if len(args) == 1:
        return Expression(f"{render(args[0]).within(90)}.shape", 90)
    return method(render(args[0]), "size", [render(args[1])])


@form("aten::arange")
def _arange(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    bounds = args[1:] if len(args) == 2 and type(args[0]) is int and args[0] == 0 else args
    named = {k: v for k, v in kwargs.items() if not (k == "pin_memory" and v is False)}
    return call("torch.arange", map(render, bounds), _write_named(render, named))


@form("aten::contiguous")
def _contiguous(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    named = {k: v for k, v in kwargs.items() if v != Symbol("torch.contiguous_format")}
    return method(render(args[0]), "contiguous", [], _write_named(render, named))


@form("aten::to")
def _to(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    named = {k: v for k, v in kwargs.items() if not (k == "pin_memory" and v in (None, False))}
    if named.get("layout") in (None, Symbol("torch.strided")):
        named.pop("layout", None)
    if "layout" in named or "pin_memory" in named:
        return None
    return method(render(args[0]), "to", map(render, args[1:]), _write_named(render, named))


@form("aten::einsum")
def _einsum(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    if len(args) < 2:
        return None
    equation, operands, *path = args
    if kwargs or any(item is not None for item in path) or not isinstance(operands, list):
        return None
    return call("torch.einsum", [render(equation), *map(render, operands)])


@form("aten::dropout_")
def _dropout_in_place(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    x, p, training = map(render, args)
    return call("F.dropout", [x], {"p": p, "training": training, "inplace": Expression("True")})


def _feature_dropout(**more: Expression) -> Form:
    """Dropout of whole channels: a function for each rank, which all apply one operator."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        x, p, training = args
        shape = x.shape if isinstance(x, Value) else None
        rank = len(shape) - 2 if shape is not None and len(shape) in (3, 4, 5) else 2
        return call(f"F.dropout{rank}d", [render(x)], {"p": render(p), "training": render(training), **more})

    return write


form("aten::feature_dropout")(_feature_dropout())
form("aten::feature_dropout_")(_feature_dropout(inplace=Expression("True")))


@form("aten::elu")
def _elu(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    if kwargs or len(args) > 2:
        return None
    alpha = args[1] if len(args) == 2 else 1.0
    return call("F.elu", [render(args[0])], {} if alpha == 1 else {"alpha": render(alpha)})


def _reduce_pair(name: str) -> Form:
    """``max`` and ``min``: of all, of two tensors, or along a dimension."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        receiver, *rest = args
        named = dict(zip(("dim", "keepdim"), rest, strict=False)) if rest and isinstance(rest[0], int) else {}
        plain = [] if named else [render(item) for item in rest]
        return method(render(receiver), name, plain, _write_named(render, {**named, **kwargs}))

    return write


def _spread(write_call: Callable[..., Expression]) -> Form:
    """``std`` and ``var``: of all or along dimensions, biased or not."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        receiver, *rest = args
        names = ("unbiased",) if rest and isinstance(rest[0], bool) else ("dim", "unbiased", "keepdim")
        named = {**dict(zip(names, rest, strict=False)), **kwargs}
        dims = named.get("dim")
        if isinstance(dims, list):
            named["dim"] = dims[0] if len(dims) == 1 else tuple(dims)
        return write_call(render(receiver), _write_named(render, named))

    return write


@form("aten::cdist")
def _cdist(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    left, right, *rest = args
    named = {**dict(zip(("p", "compute_mode"), rest, strict=False)), **kwargs}
    mode = named.pop("compute_mode", None)
    if mode:
        named["compute_mode"] = ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")[mode - 1]
    return call("torch.cdist", [render(left), render(right)], _write_named(render, named))


def _clamp(name: str) -> Form:
    """``clamp``: both bounds by position, one by keyword."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        bounds = dict(zip(("min", "max"), args[1:], strict=False)) | kwargs
        given = {key: value for key, value in bounds.items() if value is not None}
        plain = [bounds["min"], bounds["max"]] if len(given) == 2 else []
        return method(render(args[0]), name, map(render, plain), {} if plain else _write_named(render, given))

    return write


for _name in ("clamp", "clamp_"):
    form(f"aten::{_name}")(_clamp(_name))
for _name in ("max", "min"):
    form(f"aten::{_name}")(_reduce_pair(_name))
form("aten::std")(_spread(lambda x, named: method(x, "std", [], named)))
form("aten::var")(_spread(lambda x, named: method(x, "var", [], named)))
form("aten::std_mean")(_spread(lambda x, named: call("torch.std_mean", [x], named)))
form("aten::var_mean")(_spread(lambda x, named: call("torch.var_mean", [x], named)))


def _norm(name: str) -> Form:
    """``layer_norm`` and ``group_norm``: weight and bias by keyword, where they are given."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        named = dict(zip(("weight", "bias", "eps"), args[2:], strict=False))
        named |= {key: kwargs[key] for key in ("weight", "bias", "eps") if key in kwargs}
        given = {key: value for key, value in named.items() if value is not None}
        return call(f"F.{name}", map(render, args[:2]), _write_named(render, given))

    return write


form("aten::layer_norm")(_norm("layer_norm"))
form("aten::group_norm")(_norm("group_norm"))


@form("aten::batch_norm")
def _batch_norm(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    x, weight, bias, mean, var, training, momentum, eps = args[:8]
    named: Keywords = {"weight": weight, "bias": bias, "training": training, "momentum": momentum, "eps": eps}
    plain: Keywords = {"weight": None, "bias": None, "training": False, "momentum": 0.1, "eps": 1e-5}
    return call("F.batch_norm", map(render, (x, mean, var)), _write_named(render, _not_plain(named, plain)))


def _not_plain(named: Keywords, plain: Keywords) -> Keywords:
    """The arguments that differ from their defaults; lists of equal numbers are one number."""
    collapsed = {name: collapse(value) for name, value in named.items()}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in collapsed.items()
        if isinstance(value, Value) or not (type(value) is type(plain[name]) and value == plain[name])
    }


_CONVOLUTION: Keywords = {
    "bias": None,
    "stride": 1,
    "padding": 0,
    "output_padding": 0,
    "dilation": 1,
    "groups": 1,
}


def _convolution_of(name: str, transposed: bool) -> Form:
    order = ["bias", "stride", "padding", "dilation", "groups"]
    if transposed:
        order = ["bias", "stride", "padding", "output_padding", "groups", "dilation"]

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        named = {**dict(zip(order, args[2:], strict=False)), **kwargs}
        return call(f"F.{name}", map(render, args[:2]), _write_named(render, _not_plain(named, _CONVOLUTION)))

    return write


for _rank in (1, 2, 3):
    form(f"aten::conv{_rank}d")(_convolution_of(f"conv{_rank}d", transposed=False))
    form(f"aten::conv_transpose{_rank}d")(_convolution_of(f"conv_transpose{_rank}d", transposed=True))


@form("aten::_convolution")
def _convolution(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = args[:9]
    if not isinstance(stride, (list, tuple)) or not isinstance(transposed, bool):
        return None
    named = {"bias": bias, "stride": stride, "padding": padding, "output_padding": output_padding}
    named |= {"dilation": dilation, "groups": groups}
    if not transposed:
        del named["output_padding"]
    name = f"F.conv{'_transpose' if transposed else ''}{len(stride)}d"
    return call(name, map(render, (x, weight)), _write_named(render, _not_plain(named, _CONVOLUTION)))


@form("aten::embedding")
def _embedding(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    named = dict(zip(("padding_idx", "scale_grad_by_freq", "sparse"), args[2:], strict=False)) | kwargs
    given = {k: v for k, v in named.items() if v is not False and v != -1}
    return call("F.embedding", [render(args[1]), render(args[0])], _write_named(render, given))


@form("aten::pad")
def _pad(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    named = {**dict(zip(("mode", "value"), args[2:], strict=False)), **kwargs}
    given = {k: v for k, v in named.items() if not (k == "mode" and v == "constant") and v is not None}
    return call("F.pad", [render(args[0]), render(tuple(args[1]))], _write_named(render, given))


@form("aten::constant_pad_nd")
def _constant_pad(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    value = (args[2:] or [kwargs.get("value", 0)])[0]
    named = {} if not isinstance(value, Value) and value == 0 else {"value": value}
    return call("F.pad", [render(args[0]), render(tuple(args[1]))], _write_named(render, named))


def _interpolate(mode: str) -> Form:
    has_corners = mode != "nearest"

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        names = ["output_size", *(["align_corners"] if has_corners else []), "scale_factors"]
        given = dict(zip(names, args[1:], strict=False)) | kwargs
        if not set(given) <= set(names):
            return None
        size, factors = collapse(given.get("output_size")), given.get("scale_factors")
        if isinstance(factors, list) and len(set(factors)) == 1:
            factors = int(factors[0]) if factors[0] == int(factors[0]) else factors[0]
        named: Keywords = {"scale_factor": factors} if factors is not None else {"size": size}
        named = {key: tuple(item) if isinstance(item, list) else item for key, item in named.items()}
        if mode != "nearest":
            named["mode"] = mode
        if given.get("align_corners"):
            named["align_corners"] = True
        return call("F.interpolate", [render(args[0])], _write_named(render, named))

    return write


for _mode, _operators in {
    "nearest": "nearest1d nearest2d nearest3d",
    "linear": "linear1d",
    "bilinear": "bilinear2d",
    "bicubic": "bicubic2d",
    "trilinear": "trilinear3d",
}.items():
    for _operator in _operators.split():
        form(f"aten::upsample_{_operator}")(_interpolate(_mode))


@form("retix::normalize")
def _normalize(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    x, p, dim, eps = args
    given: dict[str, Any] = {"p": p, "dim": dim, "eps": eps}
    plain: dict[str, Any] = {"p": 2.0, "dim": 1, "eps": 1e-12}
    return call("F.normalize", [render(x)], _write_named(render, {k: v for k, v in given.items() if v != plain[k]}))
