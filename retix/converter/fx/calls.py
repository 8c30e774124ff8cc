"""Lowering of tensors that are read, and of calls of modules and torch's operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.fx.functions import FUNCTIONS, OPERATORS
from retix.converter.fx.kind import kind_of
from retix.converter.fx.lowering import Handler, ScopeLowering, lower_scope
from retix.converter.fx.python import PYTHON, lower_attribute, lower_items, lower_shape_method
from retix.converter.fx.scope import SCOPE, TENSOR, Node, pick, unpack
from retix.converter.leaf import is_leaf
from retix.converter.leaf_member import call_leaf, value_name
from retix.converter.operator_call import call_operator, find_operator
from retix.ir import Call, Cell


def lower_read(low: ScopeLowering, node: Node) -> None:
    """A parameter or buffer of the module, or a constant."""
    tensor, path = node.meta[TENSOR], str(node.target)
    if path:
        low.bind(node, low.read_own(path, tensor))
    else:
        low.bind(node, low.constant(f"{low.owner.class_name.lower()}_constant", tensor))


def lower_module_call(low: ScopeLowering, node: Node) -> None:
    """A call of a leaf, or of a module with a graph of its own."""
    path = str(node.target)
    module = low.program.root.get_submodule(path)
    args, kwargs = low.arguments(node)
    if is_leaf(module):
        given = (low.spread(args), low.spread(kwargs))
        low.bind(
            node,
            call_leaf(
                low, module, path, *given, lambda found, full: low.program.capture(low.program, found, full, node)
            ),
        )
    else:
        _lower_cell_call(low, node, path, args)


def _lower_cell_call(low: ScopeLowering, node: Node, path: str, args: tuple[Any, ...]) -> None:
    """Call the module's graph; what does something else than its first call is written in place."""
    scope = node.meta[SCOPE]
    picks = low.live_picks(node)
    wanted = [scope.returned[item.args[1]] for item in picks]
    given = [low.spread(item) for item in args]
    lowered = lower_scope(low.program, scope, given, wanted) if path != low.path else None
    if lowered is None:
        low.inline(scope, given, wanted)
        low.env[node] = [low.env.get(item) for item in scope.returned]
        return
    target = low.member(path, lambda: Cell(lowered.graph.name))
    outputs = low.graph.add(
        Call(target),
        low.settle([given[place] for place in lowered.order]),
        name=value_name(low.local(path)),
        n_outputs=max(1, len(wanted)),
        location=low.location,
    ).outputs
    by_node = dict(zip(wanted, outputs, strict=False))
    low.env[node] = [by_node.get(item) for item in scope.returned]


def lower_function_call(low: ScopeLowering, node: Node) -> None:
    """A call of an operator, or of one of Python's."""
    target: Any = node.target
    if target is pick:
        call, position = node.args
        low.bind(node, low.env[call][position])  # type: ignore[index]  # a call of a module, or an unpacking
    elif target is unpack:
        lower_items(low, node)
    elif target is getattr:
        lower_attribute(low, node)
    elif target in PYTHON:
        PYTHON[target](low, node)
    elif target in FUNCTIONS:
        FUNCTIONS[target](low, node)
    elif isinstance(getattr(target, "__self__", None), type):
        _lower_autograd_function(low, node, target.__self__)
    else:
        apply_operator(low, node, target)


def _lower_autograd_function(low: ScopeLowering, node: Node, function: type) -> None:
    """``MyFunction.apply(...)``: a call of the user's class, whose forward and backward are its own."""
    args, _ = low.arguments(node)
    symbol = low.program.leaves.literal(function, low.program.full(low.path))
    low.bind(node, low.call("python::apply", symbol, *low.spread(args)))


def lower_method_call(low: ScopeLowering, node: Node) -> None:
    """A call of a method of a tensor, or of a shape."""
    target: Any = node.target
    owner: Any = node.args[0]
    if kind_of(owner) is torch.Size:
        lower_shape_method(low, node)
        return
    method = getattr(torch.Tensor, target, None)
    if method in FUNCTIONS:
        FUNCTIONS[method](low, node)
    else:
        apply_operator(low, node, target)


def apply_operator(low: ScopeLowering, node: Node, target: Any) -> None:
    """Any operator of torch: found by name, its overload by the arguments."""
    qualified, packet = find_operator(target)
    namespace, _, name = qualified.partition("::")
    args, kwargs = low.arguments(node)
    args = tuple(low.spread(item) for item in args)
    kwargs = {key: low.spread(item) for key, item in kwargs.items()}
    special = OPERATORS.get(name) if namespace == "aten" else None
    if special is not None:
        name, args, kwargs = special(low, node, args, kwargs)
        packet = getattr(torch.ops.aten, name)
    if packet is None:
        raise low.refuse(f"{name} is no operator of torch", why="a graph holds operators of torch on tensors")
    low.bind(node, call_operator(low, f"{namespace}::{name}", packet, args, kwargs))


HANDLERS: Mapping[str, Handler] = {
    "get_attr": lower_read,
    "call_module": lower_module_call,
    "call_function": lower_function_call,
    "call_method": lower_method_call,
}
"""What lowers each kind of node; inputs are bound before, and a scope knows its result."""
