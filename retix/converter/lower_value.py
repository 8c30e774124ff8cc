"""Lowering of constants, attributes and structures of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.asked import settle_asked
from retix.converter.lowering import NUMBER_TYPES, GraphLowering, Handler
from retix.converter.program import ModuleRef
from retix.ir import Attribute, Constant, Function, Value
from retix.space import Expression


class DeviceConstant(str):
    """A device that was captured as a constant."""

    __slots__ = ()


def lower_constant(low: GraphLowering, node: Any) -> None:
    """A literal; a tensor becomes a constant of the module."""
    output = node.outputsAt(0)
    kind = output.type().kind()
    if kind == "FunctionType":
        low.bind(node, output.type().annotation_str)
        return
    value = output.toIValue() if kind != "NoneType" else None
    if isinstance(value, torch.Tensor):
        # a Python number in an expression is captured as a 0-dim tensor of Python's own width
        if value.dim() == 0 and value.dtype in (torch.int64, torch.float64, torch.bool):
            value = value.item()
        else:
            value = low.constant(f"{low.owner.class_name.lower()}_constant", value)
    low.bind(node, DeviceConstant(value) if kind == "DeviceObjType" else value)


def lower_get_attribute(low: GraphLowering, node: Any) -> None:
    """A part of a module: another module, a tensor, ``training``, or a plain value, which is taken as it is."""
    owner, name = low.get(node.inputsAt(0)), node.s("name")
    path = f"{owner.path}.{name}" if owner.path else name
    thing = getattr(low.program.root.get_submodule(owner.path), name)
    if isinstance(thing, torch.nn.Module):
        low.bind(node, ModuleRef(path))
    elif isinstance(thing, torch.Tensor):
        low.bind(node, low.read_own(path, thing))
    elif name == "training":
        low.bind(node, low.emit(Attribute("training"), (), name="training", number=True))
    elif isinstance(thing, Expression):
        low.bind(node, settle_asked(thing))
    else:
        low.bind(node, low.program.leaves.literal(thing, low.program.full(path)))


def refuse_set_attribute(low: GraphLowering, node: Any) -> None:
    """Refuse ``self.x = ...`` in a scripted forward."""
    raise low.refuse(
        f"forward assigns self.{node.s('name')}",
        why="a graph computes values; only changes of a buffer in place are part of it",
        fix="change a buffer in place, such as self.count.add_(1); or decorate the module with @basic_unit",
    )


_LIST_CHANGES = {"aten::append"}


def lower_list(low: GraphLowering, node: Any) -> None:
    """A list; one that is changed later is a value of its own, so that every use sees the change."""
    items = low.inputs(node)
    changed = any(use.user.kind() in _LIST_CHANGES for use in node.outputsAt(0).uses())
    low.bind(node, low.emit(Constant(), (items,), name="items") if changed else items)


def lower_tuple(low: GraphLowering, node: Any) -> None:
    """A tuple."""
    low.bind(node, tuple(low.inputs(node)))


def lower_dict(low: GraphLowering, node: Any) -> None:
    """A dict with constant keys."""
    items = low.inputs(node)
    low.bind(node, dict(zip(items[::2], items[1::2], strict=True)))


def lower_unpack(low: GraphLowering, node: Any) -> None:
    """The items of a tuple or list."""
    item = low.get(node.inputsAt(0))
    if isinstance(item, Expression):
        low.bind_outputs(node, tuple(item[index] for index, _ in enumerate(node.outputs())))
        return
    if not isinstance(item, Value):
        low.bind_outputs(node, tuple(item))
        return
    count = len(list(node.outputs()))
    parts = low.graph.add(
        Function("python::unpack"), (item,), n_outputs=count, name=item.name, location=low.location
    ).outputs
    low.bind_outputs(node, parts)
    if item in low.numbers:
        low.numbers.update(parts)


def lower_index(low: GraphLowering, node: Any) -> None:
    """An item of a list, tuple or dict."""
    item, index = low.inputs(node)
    is_known = isinstance(item, (list, tuple, dict)) and not isinstance(index, (Value, Expression))
    if is_known or (isinstance(item, Expression) and not isinstance(index, Value)):
        low.bind(node, item[index])
    else:
        number = str(node.outputsAt(0).type()) in NUMBER_TYPES
        low.bind(node, low.call("python::getitem", item, index, number=number))


def lower_append(low: GraphLowering, node: Any) -> None:
    """``items.append(item)``."""
    items, item = low.inputs(node)
    value = low.call("python::append", items, item)
    if list(node.outputs()):
        low.bind(node, items if isinstance(items, Value) else value)


def lower_contains(low: GraphLowering, node: Any) -> None:
    """``key in items``."""
    items, key = low.inputs(node)
    if isinstance(items, (list, tuple, dict)) and not isinstance(key, Value) and not any(_is_value(i) for i in items):
        low.bind(node, key in items)
    else:
        low.bind(node, low.call("python::contains", key, items, number=True))


def _is_value(item: Any) -> bool:
    return isinstance(item, Value)


def lower_alias(low: GraphLowering, node: Any) -> None:
    """What only tells TorchScript a type, or prints."""
    if list(node.outputs()):
        low.bind(node, low.get(node.inputsAt(0)))


def lower_property(low: GraphLowering, node: Any) -> None:
    """``x.device`` and ``x.dtype``."""
    name = node.kind().removeprefix("prim::")
    low.bind(node, low.call(f"python::{name}", low.get(node.inputsAt(0)), name=name))


def lower_flag(low: GraphLowering, node: Any) -> None:
    """``x.is_cuda``."""
    name = node.kind().removeprefix("prim::")
    low.bind(node, low.call("python::getattr", low.get(node.inputsAt(0)), name, name=name, number=True))


def lower_uninitialized(low: GraphLowering, node: Any) -> None:
    """What TorchScript puts where a branch has nothing to give."""
    low.bind(node, None)


HANDLERS: Mapping[str, Handler] = {
    "prim::Constant": lower_constant,
    "prim::GetAttr": lower_get_attribute,
    "prim::SetAttr": refuse_set_attribute,
    "prim::ListConstruct": lower_list,
    "prim::TupleConstruct": lower_tuple,
    "prim::DictConstruct": lower_dict,
    "prim::TupleUnpack": lower_unpack,
    "prim::ListUnpack": lower_unpack,
    "prim::TupleIndex": lower_index,
    "aten::__getitem__": lower_index,
    "aten::append": lower_append,
    "aten::__contains__": lower_contains,
    "prim::unchecked_cast": lower_alias,
    "prim::unchecked_unwrap_optional": lower_alias,
    "aten::_unwrap_optional": lower_alias,
    "prim::Print": lower_alias,
    "aten::warn": lower_alias,
    "prim::device": lower_property,
    "prim::dtype": lower_property,
    "prim::is_cuda": lower_flag,
    "prim::Uninitialized": lower_uninitialized,
}
