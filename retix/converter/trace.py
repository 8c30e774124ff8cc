"""Tracing by TorchScript, with every leaf made opaque.

While the trace runs, the forward of a leaf is computed outside of it, and one custom operator takes the place of the
computation: it receives every tensor that went in and hands on every tensor that came out. The traced graph then shows
a call of each leaf with all of its inputs, whatever the leaf returns, and the module hierarchy stays
(``prim::CallMethod``). Inputs of the modules in between pass through a second operator that carries their names.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch.utils import _pytree as pytree

from retix.converter.baked import BakedSize, BakeGuard
from retix.converter.boundary import Boundary
from retix.converter.frontend import LEAF
from retix.converter.leaf import is_leaf
from retix.converter.place import find_user_frame
from retix.converter.signature import positional_names
from retix.errors import ConversionError
from retix.ir import Location
from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import is_basic_unit

# Operators live in torch's registry, which is one per process. These two keep no state.
_LIBRARY: Any = torch.library.Library("retix", "DEF")  # type: ignore[no-untyped-call]  # torch leaves it untyped
_LIBRARY.define("leaf(int call, Tensor[] inputs, Tensor[] outputs) -> Tensor[]")
# the mark of an input that is not used has to stay, or the module would take other inputs where it is: so it pretends
# to write to its input, which keeps TorchScript from removing it
_LIBRARY.define("mark(Tensor(a!) x, str name, int call) -> Tensor(a!)")
# new tensors over the same memory: what is traced must not be the very tensors that went in
_LIBRARY.impl("leaf", lambda call, inputs, outputs: [t.view_as(t) for t in outputs], "CompositeExplicitAutograd")
_LIBRARY.impl("mark", lambda x, name, call: x.view_as(x), "CompositeExplicitAutograd")

_C: Any = torch._C  # its stubs lack what tracing needs


@dataclass(frozen=True, slots=True)
class LeafCall:
    """One call of a leaf during a trace.

    Attributes:
        module: The leaf.
        args: Its positional arguments, with tensors.
        kwargs: Its keyword arguments.
        results: What it returned.
        location: The user's line that called it.
    """

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: Any
    location: Location | None


@dataclass(slots=True)
class Trace:
    """What one trace found.

    Attributes:
        script: The traced module.
        boundary: What goes into the module and comes out of it.
        leaf_calls: Every call of a leaf, by the number that its operator carries.
        cell_calls: The user's line of every call of a module in between, likewise.
        sizes: The sizes that the trace keeps as numbers or conditions.
    """

    boundary: Boundary
    script: Any = None
    leaf_calls: list[LeafCall] = field(default_factory=list)
    cell_calls: list[Location | None] = field(default_factory=list)
    sizes: list[BakedSize] = field(default_factory=list)

    def graph(self, path: str, method: str) -> Any:
        """The TorchScript graph of a method of the module at ``path``."""
        script = self.script
        for name in path.split(".") if path else ():
            script = getattr(script, name)
        return script._c._get_method(method).graph


def trace(module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
    """Trace ``module`` on example inputs, in the mode (training or not) that it is in.

    Raises:
        ConversionError: It cannot be run, or does what a graph of one run cannot hold.
    """
    found = Trace(Boundary(module, args, kwargs))
    with warnings.catch_warnings(), torch.enable_grad(), _without_gradients(module):
        warnings.simplefilter("ignore")
        guard = BakeGuard(lambda: _C._get_tracing_state() is not None, _is_size, lambda x: _mark(x, "", -1))
        found.sizes = guard.sizes
        with _opaque(module, found, guard), guard:
            try:
                # untyped in torch; without strict, dicts may go in and out
                found.script = torch.jit.trace(  # type: ignore[no-untyped-call]
                    module, found.boundary.tensors, check_trace=False, strict=False
                )
            except ConversionError:
                raise
            except Exception as error:
                raise _explain(module, error) from error
    _release_results(found.script)
    return found


def _release_results(script: Any) -> None:
    """Let go of what leaves returned: torch keeps graphs, and the constants in them, for the life of the process."""
    for module in script.modules():
        for name in module._c._method_names():
            for node in module._c._get_method(name).graph.nodes():
                if node.kind() == LEAF:
                    *_, outputs = node.inputs()
                    for item in outputs.node().inputs():
                        item.node().t_("value", torch.empty(0))


def _explain(module: torch.nn.Module, error: Exception) -> ConversionError:
    frame = find_user_frame(error.__traceback__)
    unregistered = "requires grad as a constant" in str(error)
    return ConversionError(
        f"{type(module).__name__} cannot be traced: {type(error).__name__}: {error}",
        where=frame,
        why="forward uses a parameter that belongs to no registered module, such as one in a plain list"
        if unregistered
        else "the model fails on the example inputs",
        fix="keep layers in a ModuleList, parameters in a ParameterList"
        if unregistered
        else "try the model on the example inputs; put what no graph can hold into a @basic_unit",
    )


@contextmanager
def _without_gradients(module: torch.nn.Module) -> Iterator[None]:
    """No tensor asks for gradients, so that none are recorded; that they are enabled stays visible to forward."""
    asking = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        for parameter in asking:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)


@contextmanager
def _opaque(root: torch.nn.Module, found: Trace, guard: BakeGuard) -> Iterator[None]:
    """Give every module a forward for the trace; afterwards each has its own again."""
    changed: dict[torch.nn.Module, dict[str, Any]] = {}

    def visit(module: torch.nn.Module) -> None:
        if module in changed:
            return
        changed[module] = own = dict(vars(module))
        if is_leaf(module):
            # its hooks, which it registers itself, are run with it, outside of the trace
            forward = _leaf_forward(module, _with_hooks(module, own), found, guard)
            vars(module).update({name: OrderedDict() for name in _HOOKS}, forward=forward)
            return
        wrapped = found.boundary.wrap(module.forward) if module is root else _cell_forward(module.forward, found)
        vars(module)["forward"] = wrapped
        for child in module.children():
            visit(child)

    try:
        visit(root)
        yield
    finally:
        for module, own in changed.items():
            vars(module).pop("forward")
            vars(module).update({name: own[name] for name in (*_HOOKS, "forward") if name in own})


_HOOKS = ("_forward_pre_hooks", "_forward_hooks")


def _with_hooks(module: torch.nn.Module, own: dict[str, Any]) -> Callable[..., Any]:
    forward = module.forward
    if not any(own[name] for name in _HOOKS):
        return forward

    def call(*args: Any, **kwargs: Any) -> Any:
        opaque = dict(vars(module))
        vars(module).update({name: own[name] for name in _HOOKS}, forward=forward)
        try:
            return module(*args, **kwargs)
        finally:
            vars(module).update({name: opaque[name] for name in (*_HOOKS, "forward")})

    return call


def _leaf_forward(
    leaf: torch.nn.Module, forward: Callable[..., Any], found: Trace, guard: BakeGuard
) -> Callable[..., Any]:
    def opaque(*args: Any, **kwargs: Any) -> Any:
        state = _C._get_tracing_state()
        if state is None:
            return forward(*args, **kwargs)
        caller = sys._getframe(1)
        guard.check_modes(caller)
        _C._set_tracing_state(None)
        try:
            results = _run_untraced(leaf, forward, args, kwargs)
            leaves, spec = pytree.tree_flatten(results)
            outputs = [item.detach() for item in leaves if isinstance(item, torch.Tensor)]
        finally:
            _C._set_tracing_state(state)
        call = len(found.leaf_calls)
        found.leaf_calls.append(LeafCall(leaf, args, kwargs, results, find_user_frame(caller)))
        inputs = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, torch.Tensor)]
        handed_on = iter(torch.ops.retix.leaf(call, inputs, outputs))
        replaced = [next(handed_on) if isinstance(item, torch.Tensor) else item for item in leaves]
        return pytree.tree_unflatten(replaced, spec)

    return opaque


def _run_untraced(
    leaf: torch.nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What the leaf returns.

    torch's layers run in eval mode, which changes no statistics and needs no big batch. Global random states are put
    back, so that those which moved afterwards were moved outside of leaves.
    """
    opaque = is_basic_unit(leaf) or isinstance(leaf, (LayerChoice, InputChoice))
    modes = [] if opaque else [(module, module.training) for module in leaf.modules()]
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    try:
        for module, _ in modes:
            module.training = False
        with _C.DisableTorchFunction():
            return forward(*args, **kwargs)
    finally:
        for module, training in modes:
            module.training = training
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)


def _cell_forward(forward: Callable[..., Any], found: Trace) -> Callable[..., Any]:
    names = positional_names(forward)

    def marked(*args: Any, **kwargs: Any) -> Any:
        if _C._get_tracing_state() is None:
            return forward(*args, **kwargs)
        call = len(found.cell_calls)
        found.cell_calls.append(find_user_frame(sys._getframe(1)))
        marked_args = [_mark(value, names[i] if i < len(names) else "x", call) for i, value in enumerate(args)]
        return forward(*marked_args, **{name: _mark(value, name, call) for name, value in kwargs.items()})

    return marked


def _mark(value: Any, name: str, call: int) -> Any:
    return pytree.tree_map_only(torch.Tensor, lambda tensor: torch.ops.retix.mark(tensor, name, call), value)


_SIZE_SOURCES = {"prim::Constant", "aten::size", "aten::len", "aten::dim", "aten::numel", "prim::numel"}
_SIZE_STEPS = {
    *("prim::NumToTensor", "prim::ListConstruct", "prim::TupleConstruct", "prim::ListUnpack", "aten::Int"),
    *("aten::ScalarImplicit", "aten::to", "aten::detach", "aten::lift_fresh", "aten::select", "aten::unbind"),
    *("aten::arange", "aten::linspace", "aten::zeros", "aten::ones", "aten::full", "aten::stack", "aten::max"),
    *("aten::add", "aten::sub", "aten::rsub", "aten::mul", "aten::div", "aten::floor_divide", "aten::remainder"),
    *("aten::pow", "aten::neg", "aten::abs", "aten::floor", "aten::ceil", "aten::sqrt", "aten::min"),
    *("aten::eq", "aten::ne", "aten::lt", "aten::le", "aten::gt", "aten::ge"),
    *("aten::__and__", "aten::__or__", "aten::__xor__", "aten::logical_not", "aten::bitwise_not"),
}


def _is_size(tensor: torch.Tensor) -> bool:
    """Whether a traced tensor is computed from constants and the sizes of tensors alone."""
    pending = [_C._get_value_trace(tensor)]
    seen: set[str] = set()
    while pending:
        value = pending.pop()
        kind = value.node().kind()
        if kind in _SIZE_SOURCES or value.debugName() in seen:
            continue
        if kind not in _SIZE_STEPS:
            return False
        seen.add(value.debugName())
        pending += value.node().inputs()
    return True
