"""Lowering of calls of torch's functions with choices among their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.asked import map_asked, settle_asked
from retix.converter.frontend import OPEN, OpenCall
from retix.converter.index import index_tensor
from retix.converter.lowering import GraphLowering, Handler
from retix.converter.operator_call import call_operator, find_operator


def lower_open_call(low: GraphLowering, node: Any) -> None:
    """The operator that was called, with its tensors and choices; see `retix.converter.open_call`."""
    number, _, inputs, _ = low.inputs(node)
    call = low.program.frontend.open_call(number)
    low.location = call.location or low.location
    values = iter(inputs)

    def settle(item: Any) -> Any:
        return next(values) if isinstance(item, torch.Tensor) else settle_asked(item)

    found = _apply(low, call, *map_asked(settle, (call.args, call.kwargs)))
    results = found if isinstance(found, tuple) else (found,)
    if call.detached:
        results = tuple(low.call("aten::detach", item, name=item.name) for item in results)
    low.bind(node, results)


def _apply(low: GraphLowering, call: OpenCall, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if call.name == "__getitem__":
        return index_tensor(low, args[0], args[1], call.args[0].dim())
    qualified, packet = find_operator(_SYNONYMS.get(call.name, call.name))
    if packet is None:
        raise low.refuse(f"{call.name} is no operator of torch", why="a graph holds operators of torch on tensors")
    return call_operator(low, qualified, packet, args, kwargs)


_SYNONYMS = {"concat": "cat", "concatenate": "cat", "true_divide": "div"}

HANDLERS: Mapping[str, Handler] = {OPEN: lower_open_call}
