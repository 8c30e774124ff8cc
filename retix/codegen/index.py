"""Indexing: the chains of slices, selections and index tensors that ``x[:, 0, mask]`` is traced as, as one index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retix.codegen.expression import CALL, Expression
from retix.ir import Function, Node

_END = 2**63 - 1
_STEPS = {"aten::slice", "aten::select", "aten::unsqueeze", "aten::index"}


@dataclass(frozen=True, slots=True)
class Indexing:
    """``base[items]``.

    Attributes:
        base: What is indexed.
        items: An item per dimension, from the first: a slice, an index, None for a new dimension.
    """

    base: Any
    items: tuple[Any, ...]


def read_indexing(node: Node) -> Indexing | None:
    """The indexing that the node completes, or None if it is none that can be written with brackets."""
    step = _read_step(node)
    if step is None:
        return None
    dim, item = step
    base = node.args[0]
    producer = getattr(base, "producer", None)
    if producer is not None and len(base.uses) == 1 and base.variable is None:
        before = read_indexing(producer)
        if before is not None:
            joined = _join(before.items, dim, item)
            if joined is not None:
                return Indexing(before.base, joined)
    if dim < 0:
        items: tuple[Any, ...] = (Ellipsis, item, *(slice(None),) * (-dim - 1))
        return Indexing(base, items)
    return Indexing(base, (*(slice(None),) * dim, item))


def _read_step(node: Node) -> tuple[int, Any] | None:
    if not isinstance(node.op, Function) or node.op.name not in _STEPS:
        return None
    if node.op.name == "aten::index":
        return None
    names = {"aten::slice": ("dim", "start", "end", "step"), "aten::select": ("dim", "index")}
    if node.op.name not in names:
        return None
    given = dict(zip(names[node.op.name], node.args[1:], strict=False)) | node.kwargs
    dim = given.get("dim", 0)
    if not isinstance(dim, int):
        return None
    if node.op.name == "aten::select":
        return dim, given["index"]
    start, end, step = given.get("start"), given.get("end"), given.get("step", 1)
    return dim, slice(
        None if start == 0 and type(start) is int else start,
        None if end == _END and type(end) is int else end,
        None if step == 1 and type(step) is int else step,
    )


def _join(items: tuple[Any, ...], dim: int, item: Any) -> tuple[Any, ...] | None:
    """``items`` followed by one more step on dimension ``dim`` of what they leave, or None if that is not one index."""
    if dim < 0 or Ellipsis in items:
        return None
    # dimensions that an integer took away are not counted any more
    places = [i for i, known in enumerate(items) if isinstance(known, slice)]
    if dim < len(places):
        place = places[dim]
        if items[place] != slice(None):
            return None
        return (*items[:place], item, *items[place + 1 :])
    return (*items, *(slice(None),) * (dim - len(places)), item)


def write_index(indexing: Indexing, render: Callable[[Any], Expression]) -> Expression:
    """The indexing as an expression; what keeps all of the last dimensions is left out."""
    items = list(indexing.items)
    while len(items) > 1 and items[-1] == slice(None) and items[0] is not Ellipsis:
        items.pop()
    written = ", ".join(_write_item(item, render) for item in items)
    return Expression(f"{render(indexing.base).within(CALL)}[{written}]", CALL)


def _write_item(item: Any, render: Callable[[Any], Expression]) -> str:
    if item is Ellipsis:
        return "..."
    if not isinstance(item, slice):
        return render(item).text
    parts = ["" if part is None else _bound(render(part)) for part in (item.start, item.stop)]
    complex_ = any(not part.replace(".", "").replace("-", "").isalnum() for part in parts if part)
    text = (" : " if complex_ and all(parts) else ":").join(parts)
    return f"{text}:{_bound(render(item.step))}" if item.step is not None else text


def _bound(expression: Expression) -> str:
    return expression.text
