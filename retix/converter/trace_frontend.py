"""What a trace tells the lowering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.candidate import refuse_keywords
from retix.converter.frontend import LEAF, Frontend, LeafCallee, OpenCall
from retix.converter.leaf_run import LeafRun
from retix.converter.script import find_compiled
from retix.converter.trace import Trace
from retix.ir import Location

Capture = Callable[[torch.nn.Module, tuple[Any, ...], dict[str, Any], str], Frontend]
"""Traces a module on example inputs; the last argument is its path in the base model."""


class TraceFrontend:
    """Reads a `Trace`; see `retix.converter.frontend.Frontend`.

    Args:
        trace: What was found.
        capture: Captures candidates of choices.
    """

    def __init__(self, trace: Trace, capture: Capture) -> None:
        self._trace = trace
        self._capture = capture

    @property
    def keeps_lists(self) -> bool:
        return False

    @property
    def input_names(self) -> tuple[str, ...]:
        return self._trace.boundary.names

    @property
    def constants(self) -> tuple[tuple[int, str, Any], ...]:
        return self._trace.boundary.constants

    @property
    def rebuild(self) -> Callable[[list[Any]], Any]:
        return self._trace.boundary.rebuild

    def graph(self, path: str, method: str) -> Any:
        return self._trace.graph(path, method)

    def function_graph(self, type_name: str) -> Any:
        return find_compiled(type_name)

    def cell_location(self, call: int) -> Location | None:
        return self._trace.cell_calls[call]

    def open_call(self, call: int) -> OpenCall:
        return self._trace.open_calls[call]

    def leaf_call(self, path: str, method: str, given: list[Any]) -> LeafCallee | None:
        """Read the leaf's own graph, which holds one opaque operator, or none where it was given no tensor in vain."""
        graph = self._trace.graph(path, method)
        leaf = next((node for node in graph.nodes() if node.kind() == LEAF), None)
        if leaf is None:
            return None
        number, _, inputs, _ = leaf.inputs()
        call = self._trace.leaf_runs[number.toIValue()]
        by_name = {item.debugName(): value for item, value in zip(list(graph.inputs())[1:], given, strict=True)}
        values = iter([by_name[item.debugName()] for item in inputs.node().inputs()])
        args, kwargs = pytree.tree_map_only(torch.Tensor, lambda _: next(values), (call.args, call.kwargs))
        ways = [way for way, item in pytree.tree_flatten_with_path(call.results)[0] if isinstance(item, torch.Tensor)]
        outputs = tuple(ways[index] for index in _returned(graph, leaf))
        return LeafCallee(
            args,
            kwargs,
            outputs,
            call.location,
            lambda module, full: self._candidate(module, full, call),
            call.detached,
        )

    def _candidate(self, module: torch.nn.Module, full: str, call: LeafRun) -> Frontend:
        if call.kwargs:
            raise refuse_keywords(module, full, call.kwargs, call.location)
        return self._capture(module, call.args, {}, full)


def _returned(graph: Any, leaf: Any) -> list[int]:
    """Which of the opaque operator's outputs the leaf's graph returns."""
    (output,) = graph.outputs()
    if output.type().kind() == "NoneType":
        return []
    items = list(output.node().inputs()) if output.node().kind() == "prim::TupleConstruct" else [output]
    (unpack,) = (use.user for use in leaf.outputsAt(0).uses())
    positions = {item.debugName(): index for index, item in enumerate(unpack.outputs())}
    return [positions[item.debugName()] for item in items]
