"""Lowering of calls: leaves, choices, other modules and functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.frontend import LEAF, MARK, LeafCallee
from retix.converter.leaf import is_leaf
from retix.converter.leaf_member import call_leaf, value_name
from retix.converter.lower_function import lower_torch_function
from retix.converter.lowering import NUMBER_TYPES, GraphLowering, Handler, lower_forward
from retix.converter.program import ModuleRef
from retix.converter.traced_type import record_type
from retix.ir import Call, Cell, Function, Value
from retix.space import Expression


def lower_method_call(low: GraphLowering, node: Any) -> None:
    """A call of a module's method: its forward is a call of a member, other methods are written in place."""
    callee, *given = low.inputs(node)
    if isinstance(callee, Expression):  # a choice that forward calls
        low.bind(node, callee)
        return
    module = low.program.root.get_submodule(callee.path)
    method = node.s("name")
    if is_leaf(module):
        _lower_leaf_call(low, node, module, callee.path, given)
    elif not (_is_forward(method) and callee.path != low.path and _lower_cell_call(low, node, callee.path, given)):
        script = low.program.frontend.graph(callee.path, method)
        low.bind_outputs(node, tuple(low.inline(script, [callee, *given])))


def lower_function_call(low: GraphLowering, node: Any) -> None:
    """A call of a free function, which is written in place, but for some of torch's."""
    function, *given = low.inputs(node)
    made = lower_torch_function(low, function, given)
    if made is not None:
        low.bind_outputs(node, (made,))
        return
    script = low.program.frontend.function_graph(function)
    low.bind_outputs(node, tuple(low.inline(script, given)))


def lower_autograd_function(low: GraphLowering, node: Any) -> None:
    """``MyFunction.apply(...)``: a call of the user's class, whose forward and backward are its own."""
    values, literals = iter(low.inputs(node)), iter(node.scalar_args())
    path = low.program.full(low.path)
    args = [next(values) if kind == "d" else low.program.leaves.literal(next(literals), path) for kind in node.cconv()]
    symbol = low.program.leaves.literal(node.pyobj().__self__, path)
    outputs = len(list(node.outputs()))
    made = low.graph.add(
        Function("python::apply"), low.settle([symbol, *args]), n_outputs=outputs, location=low.location
    )
    low.bind_outputs(node, made.outputs)


def _lower_leaf_call(low: GraphLowering, node: Any, module: torch.nn.Module, path: str, given: list[Any]) -> None:
    callee = low.program.frontend.leaf_call(path, node.s("name"), given)
    if callee is None:
        low.bind(node, None)
        return
    low.location = callee.location or low.location
    value = call_leaf(
        low, module, path, callee.args, callee.kwargs, lambda found, full: _capture_candidate(low, found, full, callee)
    )
    if callee.outputs is None:
        low.bind_outputs(node, (value,))
        return
    outputs = tuple(_pick(low, value, way) for way in callee.outputs)
    if not outputs:  # nobody takes what it returns
        low.bind(node, None)
        return
    bound = outputs if node.outputsAt(0).type().kind() == "TupleType" else outputs[0]
    (typed,) = low.program.frontend.graph(path, node.s("name")).outputs()  # in a trace the call itself has no sizes
    record_type(bound, typed.type(), low.numbers)
    if callee.detached:
        bound = tuple(_detach(low, item) for item in bound) if isinstance(bound, tuple) else _detach(low, bound)
    low.bind(node, bound)


def _detach(low: GraphLowering, value: Value) -> Value:
    made = low.call("aten::detach", value, name=value.name)
    made.take_type(value)
    return made


def _pick(low: GraphLowering, value: Value, way: tuple[Any, ...]) -> Value:
    for key in way:
        step = getattr(key, "idx", getattr(key, "key", getattr(key, "name", None)))
        kind = "python::getattr" if hasattr(key, "name") else "python::getitem"
        value = low.call(kind, value, step, name=value.name)
    return value


def _capture_candidate(low: GraphLowering, candidate: torch.nn.Module, full: str, callee: LeafCallee) -> str:
    """Capture a candidate on its own, called with what its choice was called with; returns the name of its graph."""
    lowered = lower_forward(low.program.at(candidate, callee.capture(candidate, full), full), "")
    assert lowered is not None  # a first call
    return lowered.graph.name


def _is_forward(method: str) -> bool:
    """Whether it is ``forward``, or a later call of it, which a trace numbers."""
    return method.rstrip("0123456789") == "forward"


def _lower_cell_call(low: GraphLowering, node: Any, path: str, given: list[Any]) -> bool:
    """Call the module's graph; False if this call does something else than the graph, or is given modules."""
    if any(isinstance(item, ModuleRef) for item in given):
        return False  # it calls parts of others, which a graph of its own could not reach
    numbers = frozenset(i for i, item in enumerate(given) if low.is_number(item))
    lowered = lower_forward(low.program, path, node.s("name"), numbers)
    if lowered is None:
        return False
    low.location = lowered.location or low.location
    target = low.member(path, lambda: Cell(lowered.graph.name))
    many = isinstance(lowered.results, tuple)
    outputs = low.graph.add(
        Call(target),
        low.settle([given[i] for i in lowered.order]),
        name=value_name(low.local(path)),
        n_outputs=len(lowered.results) if many else 1,
        location=low.location,
    ).outputs
    for output, result in zip(outputs, lowered.results if many else (lowered.results,), strict=True):
        if isinstance(result, Value):
            output.take_type(result)
    low.numbers.update(outputs[i] for i in lowered.numbers)
    if str(node.outputsAt(0).type()) in NUMBER_TYPES:
        low.numbers.update(outputs)
    low.bind(node, outputs if many else outputs[0])
    return True


def lower_mark(low: GraphLowering, node: Any) -> None:
    """An input of a module passes: it gets the name that the user's forward has for it. Without one, it is an alias."""
    item, name, call = low.inputs(node)
    low.bind(node, item)
    if isinstance(item, Value) and name:
        low.mark(item, name, low.program.frontend.cell_location(call))


def refuse_direct_call(low: GraphLowering, node: Any) -> None:
    """Refuse ``self.conv.forward(x)``."""
    raise low.refuse(
        "it calls the forward of a layer instead of the layer",
        why="the call of a layer is what a graph holds",
        fix="write self.layer(x) instead of self.layer.forward(x)",
    )


HANDLERS: Mapping[str, Handler] = {
    "prim::CallMethod": lower_method_call,
    "prim::CallFunction": lower_function_call,
    "prim::PythonOp": lower_autograd_function,
    MARK: lower_mark,
    LEAF: refuse_direct_call,
}
