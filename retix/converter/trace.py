"""Tracing by TorchScript, with every leaf made opaque.

While the trace runs, the forward of a leaf is computed outside of it, and one custom operator takes the place of the
computation: it receives every tensor that went in and hands on every tensor that came out. The traced graph then shows
a call of each leaf with all of its inputs, whatever the leaf returns, and the module hierarchy stays
(``prim::CallMethod``). Inputs of the modules in between pass through a second operator that carries their names.
"""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.asked import answering, default_of, map_asked
from retix.converter.baked import BakedSize, BakeGuard
from retix.converter.boundary import Boundary
from retix.converter.candidate import order_arguments
from retix.converter.frontend import OpenCall
from retix.converter.leaf import is_leaf
from retix.converter.leaf_run import LeafRun, LeafRunner
from retix.converter.place import find_user_frame
from retix.converter.signature import positional_names
from retix.converter.tracer import Script, is_size, is_tracing, takes_gradient, untraced
from retix.errors import ConversionError, SpaceError
from retix.ir import Location

# Operators live in torch's registry, which is one per process. These keep no state.
_LIBRARY: Any = torch.library.Library("retix", "DEF")  # type: ignore[no-untyped-call]  # torch leaves it untyped
# all pretend to write to what they are given, which keeps TorchScript from removing them where nobody takes what they
# return: a layer may change its input in place, and without its marks a module would take other inputs
_LIBRARY.define("leaf(int call, Tensor(a!)? first, Tensor[] inputs, Tensor[] outputs) -> Tensor[]")
_LIBRARY.define("open(int call, Tensor(a!)? first, Tensor[] inputs, Tensor[] outputs) -> Tensor[]")
_LIBRARY.define("mark(Tensor(a!) x, str name, int call) -> Tensor(a!)")
# new tensors over the same memory: what is traced must not be the very tensors that went in
for _name in ("leaf", "open"):
    _LIBRARY.impl(
        _name, lambda call, first, inputs, outputs: [t.view_as(t) for t in outputs], "CompositeExplicitAutograd"
    )
_LIBRARY.impl("mark", lambda x, name, call: x.view_as(x), "CompositeExplicitAutograd")


@dataclass(slots=True)
class Trace:
    """What one trace found.

    Attributes:
        script: The traced module.
        boundary: What goes into the module and comes out of it.
        leaf_runs: Every call of a leaf, by the number that its operator carries.
        cell_calls: The user's line of every call of a module in between, likewise.
        open_calls: Every call of a function with choices among its arguments, likewise.
        sizes: The sizes that the trace keeps as numbers or conditions.
    """

    boundary: Boundary
    script: Script
    leaf_runs: list[LeafRun] = field(default_factory=list)
    cell_calls: list[Location | None] = field(default_factory=list)
    open_calls: list[OpenCall] = field(default_factory=list)
    sizes: list[BakedSize] = field(default_factory=list)

    def graph(self, path: str, method: str) -> Any:
        """The TorchScript graph of a method of the module at ``path``."""
        return self.script.graph(path, method)


def trace(
    module: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    keep: Callable[[torch.Tensor], None],
    like: Trace | None = None,
    computes: bool = True,
) -> Trace:
    """Trace ``module`` on example inputs, in the mode (training or not) that it is in.

    Args:
        module: Not a leaf.
        args: Positional example inputs.
        kwargs: Keyword example inputs.
        keep: Told of every tensor that is about to be written to.
        like: An earlier trace, whose leaves need not be computed again.
        computes: Whether torch's layers compute values, or only shapes.

    Raises:
        ConversionError: It cannot be run, or does what a graph of one run cannot hold.
    """
    found = Trace(Boundary(module, args, kwargs), Script(module))
    runner = LeafRunner(keep, like.leaf_runs if like else (), computes)
    with warnings.catch_warnings(), torch.enable_grad(), _without_gradients(module):
        warnings.simplefilter("ignore")
        guard = BakeGuard(is_tracing, is_size, lambda x: _mark(x, "", -1), keep, takes_gradient)
        found.sizes, found.open_calls = guard.sizes, guard.opens.calls
        with _opaque(module, found, guard, runner), guard, answering(is_tracing):
            try:
                found.script.record(found.boundary.tensors)
            except ConversionError:
                raise
            except Exception as error:
                raise _explain(module, error) from error
    return found


def _explain(module: torch.nn.Module, error: Exception) -> ConversionError:
    frame = find_user_frame(error.__traceback__)
    if isinstance(error, SpaceError):
        return ConversionError(
            f"{type(module).__name__} cannot be traced: {error.what}", where=frame, why=error.why, fix=error.fix
        )
    unregistered = "requires grad as a constant" in str(error)
    return ConversionError(
        f"{type(module).__name__} cannot be traced in {'training' if module.training else 'eval'} mode: "
        f"{type(error).__name__}: {error}",
        where=frame,
        why="forward uses a parameter that belongs to no registered module, such as one in a plain list"
        if unregistered
        else "the model fails on the example inputs, or hands sizes, which are tensors in a trace, to code that takes "
        "plain numbers only",
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
def _opaque(root: torch.nn.Module, found: Trace, guard: BakeGuard, runner: LeafRunner) -> Iterator[None]:
    """Give every module a forward for the trace; afterwards each has its own again."""
    changed: dict[torch.nn.Module, dict[str, Any]] = {}

    def visit(module: torch.nn.Module) -> None:
        if module in changed:
            return
        changed[module] = own = dict(vars(module))
        if is_leaf(module):
            # the hooks of a basic unit, which it registers itself, are run with it, outside of the trace
            forward = _leaf_forward(module, _with_hooks(module, own), found, guard, runner)
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
    leaf: torch.nn.Module, forward: Callable[..., Any], found: Trace, guard: BakeGuard, runner: LeafRunner
) -> Callable[..., Any]:
    def opaque(*args: Any, **kwargs: Any) -> Any:
        if not is_tracing():
            return forward(*args, **kwargs)
        # lists are kept as they are now: forward may append to them later
        args, kwargs = pytree.tree_map(lambda item: item, order_arguments(leaf, args, kwargs))
        caller = sys._getframe(1)
        guard.check_modes(caller)
        call = len(found.leaf_runs)
        with untraced():
            results = runner.run(call, leaf, forward, *map_asked(default_of, (args, kwargs)))
            results = pytree.tree_map_only(torch.Tensor, torch.Tensor.detach, results)
        leaves, spec = pytree.tree_flatten(results)
        detached = not torch.is_grad_enabled()
        found.leaf_runs.append(LeafRun(leaf, args, kwargs, results, find_user_frame(caller), detached))
        inputs = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, torch.Tensor)]
        outputs = [item for item in leaves if isinstance(item, torch.Tensor)]
        handed_on = iter(torch.ops.retix.leaf(call, next(iter(inputs), None), inputs, outputs))
        replaced = [next(handed_on) if isinstance(item, torch.Tensor) else item for item in leaves]
        if detached:
            guard.detacher.note(replaced)
        return pytree.tree_unflatten(replaced, spec)

    return opaque


def _cell_forward(forward: Callable[..., Any], found: Trace) -> Callable[..., Any]:
    names = positional_names(forward)

    def marked(*args: Any, **kwargs: Any) -> Any:
        if not is_tracing():
            return forward(*args, **kwargs)
        call = len(found.cell_calls)
        found.cell_calls.append(find_user_frame(sys._getframe(1)))
        marked_args = [_mark(value, names[i] if i < len(names) else "x", call) for i, value in enumerate(args)]
        return forward(*marked_args, **{name: _mark(value, name, call) for name, value in kwargs.items()})

    return marked


def _mark(value: Any, name: str, call: int) -> Any:
    return pytree.tree_map_only(torch.Tensor, lambda tensor: torch.ops.retix.mark(tensor, name, call), value)
