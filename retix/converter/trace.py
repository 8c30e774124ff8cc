"""Tracing by TorchScript, with every leaf made opaque.

While the trace runs, the forward of a leaf is computed outside of it, and one custom operator takes the place of the
computation: it receives every tensor that went in and hands on every tensor that came out. The traced graph then shows
a call of each leaf with all of its inputs, whatever the leaf returns, and the module hierarchy stays
(``prim::CallMethod``). Inputs of the modules in between pass through a second operator that carries their names.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from retix.converter.leaf import is_leaf
from retix.converter.place import find_user_frame
from retix.errors import ConversionError
from retix.ir import Location
from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import is_basic_unit

LEAF = "retix::leaf"
MARK = "retix::mark"

# Operators live in torch's registry, which is one per process. These two keep no state.
_LIBRARY = torch.library.Library("retix", "DEF")
_LIBRARY.define("leaf(int call, Tensor[] inputs, Tensor[] outputs) -> Tensor[]")
_LIBRARY.define("mark(Tensor(a) x, str name, int call) -> Tensor(a)")
_LIBRARY.impl("leaf", lambda call, inputs, outputs: [t.clone() for t in outputs], "CompositeExplicitAutograd")
_LIBRARY.impl("mark", lambda x, name, call: x.view_as(x), "CompositeExplicitAutograd")


@dataclass(frozen=True, slots=True)
class LeafCall:
    """One call of a leaf during a trace.

    Attributes:
        module: The leaf.
        arguments: ``(args, kwargs)`` with the tensors, as they were given.
        results: What it returned.
        location: The user's line that called it.
    """

    module: torch.nn.Module
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    results: Any
    location: Location | None


@dataclass(slots=True)
class Trace:
    """What one trace found.

    Attributes:
        script: The traced module.
        leaf_calls: Every call of a leaf, by the number that its operator carries.
        cell_calls: The user's line of every call of a module in between, likewise.
    """

    script: Any = None
    leaf_calls: list[LeafCall] = field(default_factory=list)
    cell_calls: list[Location | None] = field(default_factory=list)

    def graph(self, path: str, method: str) -> Any:
        """The TorchScript graph of a method of the module at ``path``."""
        script = self.script
        for name in path.split(".") if path else ():
            script = getattr(script, name)
        return script._c._get_method(method).graph


def trace(module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
    """Trace ``module`` on example inputs, in the mode (training or not) that it is in.

    Raises:
        ConversionError: It cannot be run, or it turns data into a Python number or boolean.
    """
    found = Trace()
    with warnings.catch_warnings(), torch.no_grad(), _opaque(module, found), _Guard():
        warnings.simplefilter("ignore")
        try:
            inputs: dict[str, Any] = {"example_kwarg_inputs": {**_named(module, args), **kwargs}} if kwargs else {}
            found.script = torch.jit.trace(module, None if kwargs else args, check_trace=False, strict=False, **inputs)
        except ConversionError:
            raise
        except Exception as error:
            frame = find_user_frame(error.__traceback__)
            raise ConversionError(
                f"{type(module).__name__} cannot be traced: {type(error).__name__}: {error}",
                where=str(frame) if frame else None,
                why="the model fails on the example inputs, or returns something that is neither tensor nor "
                "tuple, list or dict of tensors",
                fix="try the model on the example inputs; put what no graph can hold into a @basic_unit",
            ) from error
    return found


def _named(module: torch.nn.Module, args: tuple[Any, ...]) -> dict[str, Any]:
    return dict(inspect.signature(module.forward).bind_partial(*args).arguments)


@contextmanager
def _opaque(root: torch.nn.Module, found: Trace) -> Iterator[None]:
    """Give leaves and the modules between them a forward for the trace; afterwards each has its own again."""
    changed: list[tuple[torch.nn.Module, Any]] = []

    def visit(module: torch.nn.Module) -> None:
        own = module.__dict__.get("forward")
        changed.append((module, own))
        if is_leaf(module):
            module.__dict__["forward"] = _leaf_forward(module, module.forward, found)
            return
        if module is not root:
            module.__dict__["forward"] = _cell_forward(module, module.forward, found)
        for child in module.children():
            if all(child is not seen for seen, _ in changed):
                visit(child)

    try:
        visit(root)
        yield
    finally:
        for module, own in changed:
            if own is None:
                module.__dict__.pop("forward", None)
            else:
                module.__dict__["forward"] = own


def _leaf_forward(leaf: torch.nn.Module, forward: Callable[..., Any], found: Trace) -> Callable[..., Any]:
    def opaque(*args: Any, **kwargs: Any) -> Any:
        state = torch._C._get_tracing_state()
        if state is None:
            return forward(*args, **kwargs)
        torch._C._set_tracing_state(None)
        try:
            results = _run_untraced(leaf, forward, args, kwargs)
        finally:
            torch._C._set_tracing_state(state)
        call = len(found.leaf_calls)
        location = find_user_frame(sys._getframe(1))
        found.leaf_calls.append(LeafCall(leaf, (args, kwargs), results, location))
        inputs = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, torch.Tensor)]
        leaves, spec = pytree.tree_flatten(results)
        outputs = [item.detach() for item in leaves if isinstance(item, torch.Tensor)]
        handed_on = iter(torch.ops.retix.leaf(call, inputs, outputs))
        replaced = [next(handed_on) if isinstance(item, torch.Tensor) else item for item in leaves]
        return pytree.tree_unflatten(replaced, spec)

    return opaque


def _run_untraced(
    leaf: torch.nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What the leaf returns; torch's layers run in eval mode, which changes no statistics and needs no big batch."""
    modes = [] if is_basic_unit(leaf) else [(m, m.training) for m in leaf.modules()]
    if isinstance(leaf, (LayerChoice, InputChoice)):
        modes = []
    try:
        for module, _ in modes:
            module.training = False
        with torch._C.DisableTorchFunction():
            return forward(*args, **kwargs)
    finally:
        for module, training in modes:
            module.training = training


def _cell_forward(module: torch.nn.Module, forward: Callable[..., Any], found: Trace) -> Callable[..., Any]:
    names = _parameter_names(forward)

    def marked(*args: Any, **kwargs: Any) -> Any:
        if torch._C._get_tracing_state() is None:
            return forward(*args, **kwargs)
        call = len(found.cell_calls)
        found.cell_calls.append(find_user_frame(sys._getframe(1)))

        def mark(name: str, value: Any) -> Any:
            return pytree.tree_map_only(torch.Tensor, lambda t: torch.ops.retix.mark(t, name, call), value)

        marked_args = [mark(names[i] if i < len(names) else "x", value) for i, value in enumerate(args)]
        return forward(*marked_args, **{name: mark(name, value) for name, value in kwargs.items()})

    return marked


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


class _Guard(TorchFunctionMode):
    """Refuses to let the trace bake in a Python number or boolean that depends on data.

    Sizes may be compared: `_is_size` says whether a traced value is made of sizes and constants alone.
    """

    _CONVERSIONS = {
        "__bool__": "a condition",
        "__int__": "a Python int",
        "__index__": "a Python int",
        "__float__": "a Python float",
        "__complex__": "a Python complex",
        "item": "a Python number",
        "tolist": "a Python list",
        "__contains__": "a condition",
    }

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in self._CONVERSIONS and torch._C._get_tracing_state() is not None and not _is_size(args[0]):
            where = find_user_frame(sys._getframe(1))
            raise ConversionError(
                f"the model turns data into {self._CONVERSIONS[name]}, which a graph of one run cannot follow",
                where=str(where) if where else None,
                why="the trace would keep the answer that the example inputs gave, for all inputs",
                fix="use torch.where or masks; or put the module into a @basic_unit; or convert without example "
                "inputs, which keeps `if` and loops",
            )
        return func(*args, **(kwargs or {}))


def _is_size(tensor: torch.Tensor) -> bool:
    """Whether a traced tensor is a constant, or computed from the sizes of tensors alone."""
    if tensor.dim() != 0:
        return False
    pending = [torch._C._get_value_trace(tensor)]
    seen: set[str] = set()
    while pending:
        value = pending.pop()
        node = value.node()
        kind = node.kind()
        if value.debugName() in seen or kind in ("prim::Constant", "aten::size", "aten::len", "aten::dim"):
            continue
        seen.add(value.debugName())
        if kind == "prim::Param" or kind == LEAF:
            return False
        pending += node.inputs()
    return True
