"""What becomes of inputs that were chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from retix.errors import SpaceError
from retix.ir import Constant, Function, Node, Value

Add: TypeAlias = Callable[[Constant | Function, tuple[Any, ...], str], Value]
"""Adds a node, by its op, arguments and name, and returns its value."""


def reduce_inputs(add: Add, node: Node, values: list[Any], reduction: str) -> Value:
    """The value of a node that chooses or selects inputs.

    Args:
        add: Adds a node where the choice stands.
        node: The choice.
        values: What was chosen: values, or plain literals.
        reduction: See `retix.ir.ChooseInputs` and `retix.ir.SelectInputs`.

    Raises:
        SpaceError: So many inputs cannot be reduced in that way.
    """
    if reduction == "none":
        return add(Constant(), (list(values),), "inputs")
    if len(values) == 1:
        return values[0] if isinstance(values[0], Value) else add(Constant(), (values[0],), "x")
    if not values or reduction == "one":
        wanted = "exactly one" if reduction == "one" else "at least one"
        raise SpaceError(
            f"{len(values)} inputs of {node.name!r} in {node.graph.class_name} are selected, where {wanted} is needed",
            where=None if node.location is None else str(node.location),
            fix="let the conditions of SelectInputs hold accordingly under every sample",
        )
    if reduction == "concat":
        return add(Function("aten::cat"), (list(values), 1), "cat")
    total = values[0]
    for value in values[1:]:
        total = add(Function("aten::add"), (total, value), "add")
    return total if reduction == "sum" else add(Function("aten::div"), (total, len(values)), "mean")
