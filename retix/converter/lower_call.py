"""Lowering of calls: leaves, choices, other modules and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from retix.converter.frontend import LEAF, MARK, LeafCallee
from retix.converter.leaf import is_leaf
from retix.converter.lowering import NUMBER_TYPES, GraphLowering, Handler, lower_forward
from retix.ir import Call, Cell, ChooseInputs, LayerChoice, Member, MemberOp, Value
from retix.nn.pytorch import InputChoice
from retix.nn.pytorch import LayerChoice as LayerChoiceModule


def lower_method_call(low: GraphLowering, node: Any) -> None:
    """A call of a module's method: its forward is a call of a member, other methods are written in place."""
    callee, *given = low.inputs(node)
    module = low.program.root.get_submodule(callee.path)
    method = node.s("name")
    if is_leaf(module):
        _lower_leaf_call(low, node, module, callee.path, given)
    elif not (_is_forward(method) and callee.path != low.path and _lower_cell_call(low, node, callee.path, given)):
        script = low.program.frontend.graph(callee.path, method)
        low.bind_outputs(node, tuple(low.inline(script, [callee, *given])))


def lower_function_call(low: GraphLowering, node: Any) -> None:
    """A call of a free function, which is written in place."""
    function, *given = low.inputs(node)
    script = low.program.frontend.function_graph(function)
    low.bind_outputs(node, tuple(low.inline(script, given)))


def _lower_leaf_call(low: GraphLowering, node: Any, module: torch.nn.Module, path: str, given: list[Any]) -> None:
    callee = low.program.frontend.leaf_call(path, node.s("name"), given)
    low.location = callee.location or low.location
    full = low.program.full(path)

    def argument(item: Any) -> Any:
        return item if isinstance(item, Value) else low.program.leaves.literal(item, full)

    args, kwargs = _map_tree(argument, callee.args), _map_tree(argument, callee.kwargs)
    op: Any
    if isinstance(module, InputChoice):
        op, args, kwargs = _choose_inputs(low, module, full, args, kwargs)
    else:
        op = Call(low.member(path, lambda: _describe_leaf(low, module, path, callee)))
    value = low.emit(op, args, kwargs, name=_value_name(low.local(path)))
    if callee.outputs is None:
        low.bind_outputs(node, (value,))
        return
    outputs = tuple(_pick(low, value, way) for way in callee.outputs)
    low.bind(node, outputs if node.outputsAt(0).type().kind() == "TupleType" else outputs[0])


def _map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Map the leaves of plain tuples, lists and dicts, in pytree's order."""
    if type(tree) in (tuple, list):
        return type(tree)(_map_tree(function, item) for item in tree)
    if isinstance(tree, dict):
        return {key: _map_tree(function, item) for key, item in tree.items()}
    return function(tree)


def _pick(low: GraphLowering, value: Value, way: tuple[Any, ...]) -> Value:
    for key in way:
        step = getattr(key, "idx", getattr(key, "key", getattr(key, "name", None)))
        kind = "python::getattr" if hasattr(key, "name") else "python::getitem"
        value = low.call(kind, value, step, name=value.name)
    return value


def _value_name(path: str) -> str:
    """A name for the result of calling the member at ``path``: its last part that is a word."""
    return next((part for part in reversed(path.split(".")) if part.isidentifier()), "x")


def _describe_leaf(low: GraphLowering, module: torch.nn.Module, path: str, callee: LeafCallee) -> MemberOp:
    full = low.program.full(path)
    if not isinstance(module, LayerChoiceModule):
        return low.program.leaves.describe(module, full)
    label = low.program.labels.name(module.label, full, str(id(module)))
    candidates = []
    for name, candidate in module.candidates.items():
        op = _describe_candidate(low, candidate, f"{path}.{name}", callee)
        candidates.append((name, Member(op, f"{low.local(path)}.{name}")))
    return LayerChoice(label, tuple(candidates), module.prior)


def _describe_candidate(low: GraphLowering, candidate: torch.nn.Module, path: str, callee: LeafCallee) -> MemberOp:
    """A leaf as it is; another module is captured on its own, called with what its choice was called with."""
    if is_leaf(candidate):
        return _describe_leaf(low, candidate, path, callee)
    full = low.program.full(path)
    lowered = lower_forward(low.program.at(candidate, callee.capture(candidate, full), full), "")
    assert lowered is not None  # a first call
    return Cell(lowered.graph.name)


def _choose_inputs(low: GraphLowering, module: InputChoice, full: str, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    candidates = args[0] if args else next(iter(kwargs.values()))
    if not isinstance(candidates, (list, tuple)):
        raise low.refuse(
            f"the input choice {full} is called with a list whose length the compiler does not know",
            fix="write the list where the choice is called, or convert with example inputs",
        )
    label = low.program.labels.name(module.label, full, str(id(module)))
    decision = module.decision(label, len(candidates))
    n_chosen = -1 if decision.n_chosen is None else decision.n_chosen
    return ChooseInputs(label, len(candidates), n_chosen, module.reduction, module.prior), [list(candidates)], {}


def _is_forward(method: str) -> bool:
    """Whether it is ``forward``, or a later call of it, which a trace numbers."""
    return method.rstrip("0123456789") == "forward"


def _lower_cell_call(low: GraphLowering, node: Any, path: str, given: list[Any]) -> bool:
    """Call the module's graph; False if this call does something else than the graph."""
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
        name=_value_name(low.local(path)),
        n_outputs=len(lowered.results) if many else 1,
        location=low.location,
    ).outputs
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
    MARK: lower_mark,
    LEAF: refuse_direct_call,
}
