"""Lowering of Python's own operators: arithmetic, attributes, indexing."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from retix.converter.fx.lowering import Handler, ScopeLowering, Sizes
from retix.converter.fx.scope import OPEN, Node
from retix.converter.index import add_constant, index_tensor
from retix.converter.lower_number import calculate
from retix.ir import Function, Value

_FIELDS = {"values": 0, "indices": 1, "Q": 0, "R": 1, "U": 0, "S": 1, "V": 2}
"""Names of the results of torch's operators that return several."""

_TENSOR_ATTRIBUTES = {
    "T": "numpy_T",
    "mT": "mT",
    "H": "matrix_H",
    "mH": "mH",
    "data": "detach",
    "real": "real",
    "imag": "imag",
}


def lower_attribute(low: ScopeLowering, node: Node) -> None:
    """``x.shape``, ``x.device`` and the like."""
    owner, name = low.get(node.args[0]), str(node.args[1])
    if name == "shape":
        low.bind(node, Sizes(low.settle(owner), low.rank(node.args[0])))
    elif isinstance(owner, tuple):
        low.bind(node, owner[_FIELDS[name]])
    elif name == "ndim":
        low.bind(node, count_dimensions(low, node.args[0]))
    elif name in ("device", "dtype") and low.is_tensor(owner):
        low.bind(node, low.call(f"python::{name}", owner, name=name))
    elif name in _TENSOR_ATTRIBUTES and low.is_tensor(owner):
        low.bind(node, low.call(f"aten::{_TENSOR_ATTRIBUTES[name]}", owner, name=name))
    else:
        low.bind(node, low.call("python::getattr", low.settle(owner), name, name=name))


def count_dimensions(low: ScopeLowering, tensor: Any) -> Any:
    """``x.dim()``, of which the answer is one for all inputs where it is known."""
    rank = low.rank(tensor)
    return low.call("aten::dim", low.get(tensor), name="dim", number=True) if rank is None else rank


def lower_items(low: ScopeLowering, node: Node) -> None:
    """All items of a list whose length is known; the results of an operator are items already."""
    item, count = low.get(node.args[0]), node.args[1]
    if isinstance(item, tuple):
        low.env[node] = item
        return
    made = low.graph.add(Function("python::unpack"), (item,), n_outputs=count, name=item.name, location=low.location)  # type: ignore[arg-type]  # a number
    low.env[node] = made.outputs


def lower_shape_method(low: ScopeLowering, node: Node) -> None:
    """``x.shape.numel()``."""
    sizes = low.spread(low.get(node.args[0]))
    if node.target != "numel" or not isinstance(sizes, list):
        raise low.refuse(f"the shape's method {node.target} has no form in a graph")
    low.bind(node, _fold(low, "mul", sizes))


def _fold(low: ScopeLowering, name: str, items: list[Any]) -> Any:
    result = items[0]
    for item in items[1:]:
        result = calculate(low, name, [result, item])
    return result


# -- arithmetic -----------------------------------------------------------------------------------------------------

_BINARY = {
    **{name: name for name in ("add", "sub", "mul", "pow", "matmul", "eq", "ne", "lt", "le", "gt", "ge")},
    **{"truediv": "div", "floordiv": "floor_divide", "mod": "remainder"},
    **{"and_": "__and__", "or_": "__or__", "xor": "__xor__", "lshift": "__lshift__", "rshift": "__rshift__"},
    **{"iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_", "ifloordiv": "floor_divide_"},
    **{"imod": "remainder_", "ipow": "pow_", "iand": "__iand__", "ior": "__ior__", "ixor": "__ixor__"},
}
"""Python's operators by name, and torch's on tensors."""

_SWAPPED = {
    "add": "add",
    "mul": "mul",
    "eq": "eq",
    "ne": "ne",
    "lt": "gt",
    "le": "ge",
    "gt": "lt",
    "ge": "le",
    "sub": "rsub",
}
"""What an operator of a number and a tensor is of the tensor and the number."""

_UNARY = {"neg": "neg", "pos": "positive", "abs": "abs", "invert": "bitwise_not", "not_": "__not__"}


def _lower_binary(low: ScopeLowering, node: Node, name: str) -> None:
    left, right = map(low.get_tree, node.args)
    torch_name = _BINARY[name]
    if _is_list(low, left) or _is_list(low, right):
        low.bind(node, _combine(low, name, left, right))
        return
    number = calculate(low, torch_name, [left, right])
    if number is not None:
        low.bind(node, number)
    elif low.is_tensor(left) or not low.is_tensor(right):
        low.bind(node, low.call(f"aten::{torch_name}", left, right, name=torch_name.strip("_")))
    elif torch_name == "div":
        low.bind(node, low.call("aten::mul", low.call("aten::reciprocal", right, name="reciprocal"), left, name="mul"))
    elif torch_name in _SWAPPED:
        low.bind(node, low.call(f"aten::{_SWAPPED[torch_name]}", right, left, name=_SWAPPED[torch_name]))
    else:
        low.bind(node, low.call(f"aten::{torch_name}", left, right, name=torch_name.strip("_")))


def _is_list(low: ScopeLowering, item: Any) -> bool:
    return issubclass(low.kind(item), (list, tuple))


def _combine(low: ScopeLowering, name: str, left: Any, right: Any) -> Any:
    """Lists put together, repeated or compared, as shapes are: where their items are known, here and now."""
    left, right = low.spread(left), low.spread(right)
    known = all(isinstance(item, (list, tuple, int)) for item in (left, right))
    if name == "add" and known:
        return [*left, *right]
    if name == "mul" and known:
        return left * right if isinstance(left, (list, tuple)) else right * left
    return low.call(f"python::{name.rstrip('_')}", left, right, number=name in ("eq", "ne"))


def _lower_unary(low: ScopeLowering, node: Node, name: str) -> None:
    item = low.get(node.args[0])
    number = calculate(low, _UNARY[name], [item])
    low.bind(node, low.call(f"aten::{_UNARY[name]}", item, name=name) if number is None else number)


def _lower_length(low: ScopeLowering, node: Node) -> None:
    item = low.get(node.args[0])
    low.bind(node, low.call("python::len", item, name="length", number=True))


_MATH = {"sqrt", "ceil", "floor"}
"""Functions of `math` that a trace has too."""


def _lower_math(low: ScopeLowering, node: Node, name: str) -> None:
    args = list(map(low.get, node.args))
    number = calculate(low, name, args) if name in _MATH else None
    if number is None:
        raise low.refuse(f"math.{name} of a size has no form in a graph", fix="use an operator, such as ** 0.5")
    low.bind(node, number)


# -- indexing -------------------------------------------------------------------------------------------------------


def _lower_getitem(low: ScopeLowering, node: Node) -> None:
    items, index = low.get(node.args[0]), low.get_tree(node.args[1])
    if isinstance(items, Sizes) and isinstance(index, (int, slice)):
        low.bind(node, _index_sizes(low, items, index))
    elif isinstance(items, (tuple, list, dict)) and not isinstance(index, Value):
        low.bind(node, items[index])
    elif not low.is_tensor(items) or _may_be_other(low, node, index):
        kind = node.meta.get("kind")
        low.bind(node, low.call("python::getitem", items, index, name=_name_of(items), number=kind is int))
    else:
        low.bind(node, index_tensor(low, items, index, low.rank(node.args[0])))


def _name_of(item: Any) -> str:
    return item.name if isinstance(item, Value) else "x"


def _may_be_other(low: ScopeLowering, node: Node, index: Any) -> bool:
    """Whether what is indexed may be something else than a tensor: leaves may return lists."""
    source = node.args[0]
    if not isinstance(source, Node) or not source.meta.get(OPEN, False) or not isinstance(index, (int, str)):
        return False
    return not isinstance(low.known(source), torch.Tensor)


def _index_sizes(low: ScopeLowering, sizes: Sizes, index: int | slice) -> Any:
    if isinstance(index, int):
        return low.size(sizes, index)
    if sizes.rank is not None and not any(isinstance(i, Value) for i in (index.start, index.stop, index.step)):
        return [low.size(sizes, place) for place in range(*index.indices(sizes.rank))]
    return low.call("python::getitem", low.settle(sizes), index, name="shape")


def _lower_setitem(low: ScopeLowering, node: Node) -> None:
    """``x[index] = value``: the view is written to."""
    tensor, value = low.get(node.args[0]), low.get_tree(node.args[2])
    index, rank = low.get_tree(node.args[1]), low.rank(node.args[0])
    view = index_tensor(low, tensor, index, rank)
    producer = view.producer
    if producer is not None and producer.op == Function("aten::index"):
        source, places = producer.args
        producer.remove()
        item = value if low.is_tensor(value) else add_constant(low, value)
        low.call("aten::index_put_", source, places, item, name="index_put")
    elif low.is_tensor(value):
        low.call("aten::copy_", view, value, name="copy")
    else:
        low.call("aten::fill_", view, value, name="fill")
    low.bind(node, None)


PYTHON: Mapping[Callable[..., Any], Handler] = {
    **{getattr(operator, name): partial(_lower_binary, name=name) for name in _BINARY},
    **{getattr(operator, name): partial(_lower_unary, name=name) for name in _UNARY},
    **{item: partial(_lower_math, name=name) for name, item in vars(math).items() if inspect.isbuiltin(item)},
    operator.getitem: _lower_getitem,
    operator.setitem: _lower_setitem,
    len: _lower_length,
}
"""What lowers each operator of Python."""
