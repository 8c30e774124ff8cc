"""Lowering of torch's operators: all of them by one rule, which reads their schemas."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch

from retix.converter.lower_number import is_integer, lower_arithmetic
from retix.converter.lower_value import DeviceConstant
from retix.converter.lowering import GraphLowering, Handler
from retix.ir import Function, Symbol, Value
from retix.space import Expression, find_expressions


def lower_operator(low: GraphLowering, node: Any) -> None:
    """Any torch operator: positional arguments up to the first default, the rest by keyword; defaults are left out."""
    kind = node.kind()
    name = kind.split("::")[1]
    args = low.inputs(node)
    if lower_arithmetic(low, node, name, args):
        return
    if kind in _LIST_OPERATORS and node.inputsAt(0).type().kind() == "ListType":
        low.bind(node, _LIST_OPERATORS[kind](low, *args))
        return
    schema = find_schema(node)
    if schema is None or "Tensor" not in str(schema) or _changes_list(schema):
        raise low.refuse(
            f"{name} has no form in a graph",
            why="it is an operation of Python on lists, dicts or strings, not one of torch on tensors",
            fix="convert with example inputs, which follows Python; or decorate the module with @basic_unit",
        )
    args = [low.device() if isinstance(item, DeviceConstant) else item for item in args]
    args = _with_tensors(low, schema, args)
    positional, keywords = arrange(schema, args)
    made = low.graph.add(
        Function(kind),
        low.settle(positional),
        low.settle(keywords),
        name=name.strip("_"),
        n_outputs=len(list(node.outputs())),
        location=low.location,
    )
    low.bind_outputs(node, made.outputs)


def _with_tensors(low: GraphLowering, schema: Any, args: list[Any]) -> list[Any]:
    """``args`` with tensors of no dimensions in place of numbers where the operator takes tensors alone.

    Next to a tensor most operators take a number as it is; in a list, or where there is no tensor, none does.
    """

    def wrap(item: Any) -> Any:
        return low.call("python::tensor", item, name="number") if low.is_number(item) else item

    kinds = [str(argument.type) for argument in schema.arguments[: len(args)]]
    alone = not any(k == "Tensor" and not low.is_number(item) for k, item in zip(kinds, args, strict=True))
    return [
        [wrap(part) for part in item]
        if kind == "List[Tensor]" and isinstance(item, list)
        else wrap(item)
        if kind == "Tensor" and alone
        else item
        for kind, item in zip(kinds, args, strict=True)
    ]


def _changes_list(schema: Any) -> bool:
    return any(
        arg.alias_info is not None and arg.alias_info.is_write and "[]" in str(arg.type) for arg in schema.arguments
    )


def _slice_list(low: GraphLowering, items: Any, *bounds: Any) -> Any:
    """``items[start:stop:step]``, plain where all of it is known."""
    plain = (0, sys.maxsize, 1)
    some = slice(*(None if bound == none else bound for bound, none in zip(bounds, plain, strict=True)))
    is_open = any(isinstance(bound, (Value, Expression)) for bound in bounds)
    is_known = isinstance(items, (list, tuple)) and not is_open
    return items[some] if is_known else low.call("python::getitem", items, some, name="items")


_LIST_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "aten::add": lambda low, *items: low.call("python::add", *items),
    "aten::mul": lambda low, *items: low.call("python::mul", *items),
    "aten::slice": _slice_list,
    "aten::list": lambda low, items: (
        list(items) if isinstance(items, (list, tuple)) else low.call("python::list", items)
    ),
}
"""What lowers operators on lists, called with the lowering and the arguments."""


def lower_placement(low: GraphLowering, node: Any) -> None:
    """``torch.tensor(...)`` in forward, captured as a constant that is detached or moved to where it is already."""
    source = node.inputsAt(0)
    item = low.get(source)
    if isinstance(item, (bool, int, float)) and source.node().kind() == "prim::Constant":
        tensor = source.toIValue()  # a number that is really a tensor of no dimensions
        if isinstance(tensor, torch.Tensor):
            item = low.constant(f"{low.owner.class_name.lower()}_constant", tensor)
    if low.is_constant(item) or (low.is_number(item) and (node.kind() != "aten::to" or _stays(low, node))):
        low.bind(node, item)
    else:
        lower_operator(low, node)


def lower_new_tensor(low: GraphLowering, node: Any) -> None:
    """``torch.tensor(data)``: compiled code has an operator for it that nobody else can call."""
    data, *options = low.inputs(node)
    schema = find_schema(node)
    keywords: dict[str, Any] = {}
    if schema is not None:
        _, keywords = arrange(schema, [None, *options])
    if isinstance(keywords.get("device"), DeviceConstant):
        keywords["device"] = low.device()
    low.bind(node, low.call("python::tensor", low.settle(data), name="tensor", **keywords))


def lower_copy(low: GraphLowering, node: Any) -> None:
    """A copy or another view of a tensor; of a number there is only one."""
    item = low.get(node.inputsAt(0))
    if low.is_number(item):
        low.bind(node, item)
    else:
        lower_operator(low, node)


def _stays(low: GraphLowering, node: Any) -> bool:
    """Whether ``to`` leaves a number what it is."""
    item, *others = low.inputs(node)
    names = [argument.name for argument in find_schema(node).arguments[1:]]
    dtype = dict(zip(names, others, strict=False)).get("dtype")
    return isinstance(dtype, int) and _ENUMERATIONS["ScalarType"].get(dtype) == torch.int64 and is_integer(item)


def arrange(schema: Any, args: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """``args``, one for each parameter, as positional ones and keywords without defaults."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    gap = False
    for argument, given in zip(schema.arguments, args, strict=False):
        value = _typed(argument, given)
        if argument.has_default_value() and _equals_default(value, argument.default_value):
            gap = True
        elif gap or argument.kwarg_only:
            keywords[argument.name] = value
        else:
            positional.append(value)
    return positional, keywords


_ENUMERATIONS: dict[str, dict[int, Any]] = {
    "ScalarType": {
        0: torch.uint8,
        1: torch.int8,
        2: torch.int16,
        3: torch.int32,
        4: torch.int64,
        5: torch.float16,
        6: torch.float32,
        7: torch.float64,
        8: torch.complex32,
        9: torch.complex64,
        10: torch.complex128,
        11: torch.bool,
        15: torch.bfloat16,
    },
    "Layout": {0: torch.strided},
    "MemoryFormat": {
        0: torch.contiguous_format,
        1: torch.preserve_format,
        2: torch.channels_last,
        3: torch.channels_last_3d,
    },
}


def _typed(argument: Any, value: Any) -> Any:
    """TorchScript writes dtypes, layouts and memory formats as numbers; the schema tells which number is one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    kind = str(argument.real_type)
    table = next((table for name, table in _ENUMERATIONS.items() if name in kind), {})
    return Symbol(str(table[value])) if value in table else value


def _equals_default(value: Any, default: Any) -> bool:
    if isinstance(value, (Value, Symbol)) or next(find_expressions(value), None) is not None:
        return False
    if isinstance(default, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return value == default
    return type(value) is type(default) and bool(value == default)


def find_schema(node: Any) -> Any:
    """The schema of a torch operator's overload, or None for what is no operator on tensors."""
    try:
        text = node.schema()
    except RuntimeError:
        return None
    qualified = text.split("(")[0]
    namespace, _, rest = qualified.partition("::")
    name, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, namespace), name, None)
    chosen = getattr(packet, overload or "default", None)
    return getattr(chosen, "_schema", None)


HANDLERS: Mapping[str, Handler] = {
    "": lower_operator,
    "aten::detach": lower_placement,
    "aten::lift_fresh": lower_placement,
    "aten::to": lower_placement,
    "aten::tensor": lower_new_tensor,
    **dict.fromkeys(("aten::clone", "aten::alias", "aten::resolve_conj", "aten::resolve_neg"), lower_copy),
}
