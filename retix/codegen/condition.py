"""The condition of a ``while``, which the graph computes twice: before the loop, and at the end of each round."""

from __future__ import annotations

import operator
from typing import Any

from retix.codegen.index import is_operator
from retix.ir import Function, Node, Value

_COMPARISONS = {
    f"python::{compare.__name__}": compare
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
}


def match_condition(outer: Any, inner: Any, pairs: list[tuple[Any, Any]]) -> list[Node] | None:
    """The nodes that compute ``inner`` as ``outer`` is computed, or None if the two are no one condition.

    Args:
        outer: The condition before the loop; the converter has left out what is known to hold at first.
        inner: The condition at the end of a round.
        pairs: What stands for the same in both: what a value is before the loop, and at the end of a round.
    """
    if any(outer is left and inner is right for left, right in pairs):
        return []
    if outer is True and (node := _holds_at_first(inner, pairs)) is not None:
        return [node]
    if isinstance(inner, Value) and is_operator(inner.producer, "python::and") and inner.producer is not None:
        left, right = inner.producer.args
        for kept, dropped in ((left, right), (right, left)):
            first = _holds_at_first(dropped, pairs)
            found = match_condition(outer, kept, pairs) if first is not None else None
            if first is not None and found is not None:
                return [inner.producer, first, *found]
    if not isinstance(outer, Value) or not isinstance(inner, Value):
        same = type(outer) is type(inner) and not isinstance(outer, Value) and outer == inner
        return [] if same else None
    left, right = outer.producer, inner.producer
    if left is None or right is None or left.op != right.op or len(outer.uses) != 1 or len(inner.uses) != 1:
        return None
    if len(left.args) != len(right.args) or left.kwargs != right.kwargs or outer.variable is not None:
        return None
    nodes = [right]
    for mine, theirs in zip(left.args, right.args, strict=True):
        found = match_condition(mine, theirs, pairs)
        if found is None:
            return None
        nodes += found
    return nodes


def _holds_at_first(inner: Any, pairs: list[tuple[Any, Any]]) -> Node | None:
    """The comparison that computes ``inner``, if it is one of numbers that are known at first, and true."""
    node = inner.producer if isinstance(inner, Value) else None
    compare = _COMPARISONS.get(node.op.name) if node is not None and isinstance(node.op, Function) else None
    if node is None or compare is None or inner.variable is not None or len(inner.uses) != 1:
        return None
    numbers = [next((left for left, right in pairs if right is item), item) for item in node.args]
    is_known = all(isinstance(number, (int, float)) for number in numbers)
    return node if is_known and compare(*numbers) else None
