"""TorchScript's tracer: one of the two files that know of it.

`torch.jit.trace` compiles every module of the tree, with all that its class exports, before it records a single
operator, and keeps the result for the life of the process. A graph needs the tree alone: modules by name, and their
parameters and buffers. So the tree is made here, in a compilation unit that goes when nobody reads the graphs any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from retix.converter.frontend import MARK

_C: Any = torch._C  # its stubs lack what tracing needs
_TRACE: Any = torch.jit._trace

_SIZE_SOURCES = {"prim::Constant", "aten::size", "aten::len", "aten::dim", "aten::numel", "prim::numel"}


class Script:
    """A module as TorchScript knows it, with the graphs of one trace.

    Args:
        module: Its parts, parameters and buffers are known by their names; everything else is a constant of the trace.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._unit = _C.CompilationUnit()
        self._parts: dict[str, Any] = {}

    def _make(self, module: torch.nn.Module, path: str) -> Any:
        part = self._parts[path] = _C.ScriptModule("__torch__.Module", self._unit, True)
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                part._register_attribute(name, _C.TensorType.get(), tensor)
        for name, child in module._modules.items():
            if child is not None:
                made = self._make(child, f"{path}.{name}".lstrip("."))
                part._register_attribute(name, made._type(), made)
        return part

    def record(self, inputs: tuple[Any, ...]) -> None:
        """Call the module, and keep what it does as graphs: one for every call of a part of it."""
        root = self._make(self._module, "")
        before = _TRACE._trace_module_map
        _TRACE._trace_module_map = {"__module": self._module, **_scopes(self._module, "__module")}
        name_values = _TRACE._create_interpreter_name_lookup_fn(0)
        try:
            root._create_method_from_trace("forward", self._module, inputs, name_values, False, False, [], False)
        finally:
            _TRACE._trace_module_map = before

    def graph(self, path: str, method: str) -> Any:
        """The graph of a method of the part at ``path``."""
        return self._parts[path]._get_method(method).graph


def _scopes(module: torch.nn.Module, prefix: str) -> dict[Any, str]:
    """The name under which the tracer knows each part."""
    found: dict[Any, str] = {}
    for name, child in module.named_children():
        found[child] = f"{prefix}.{name}"
        found |= _scopes(child, f"{prefix}.{name}")
    return found


def is_tracing() -> bool:
    """Whether what torch does is being recorded."""
    return _C._get_tracing_state() is not None


@contextmanager
def untraced() -> Iterator[None]:
    """What torch does within is not recorded."""
    state = _C._get_tracing_state()
    _C._set_tracing_state(None)
    try:
        yield
    finally:
        _C._set_tracing_state(state)


def unguarded() -> Any:
    """A context in which no torch function mode sees what is called."""
    return _C.DisableTorchFunction()


def is_size(tensor: torch.Tensor) -> bool:
    """Whether a traced tensor is computed from constants and the sizes of tensors alone."""
    pending = [_C._get_value_trace(tensor)]
    seen: set[str] = set()
    while pending:
        value = pending.pop()
        kind = value.node().kind()
        if kind in _SIZE_SOURCES or value.debugName() in seen:
            continue
        if not _is_step(value.node()):
            return False
        seen.add(value.debugName())
        pending += value.node().inputs()
    return True


def _is_step(node: Any) -> bool:
    """Whether what a node computes depends on its inputs alone."""
    kind = node.kind()
    is_plain = kind.startswith(("aten::", "prim::")) and kind != "prim::PythonOp" and "empty" not in kind
    is_fixed = is_plain and not node.isNondeterministic() and any(True for _ in node.inputs())
    return bool(is_fixed or kind == MARK)


def takes_gradient(tensor: torch.Tensor) -> bool:
    """Whether gradients may flow into a traced tensor: not into buffers, constants and what is detached already."""
    fixed = _C._get_value_trace(tensor).node().kind() in ("prim::TracedAttr", "prim::Constant", "aten::detach")
    return isinstance(tensor, torch.nn.Parameter) or not fixed
