"""Indexing: chains of slices, selections and index tensors become one ``x[:, 0, mask]``, and writes one assignment.

These are rewrites of the graph that is about to be written. What they make are the operators ``python::getitem`` (a
value and an index) and ``python::setitem`` (and what is assigned, and ``+=`` or the like if it is no plain ``=``).
"""

from __future__ import annotations

from typing import Any

from retix.ir import Attribute, Function, Graph, Node, Tensor, Value, find_values

_END = 2**63 - 1
_ALL = slice(None)
_SKIPPED = slice(None, None, 1)
"""A dimension that no step of the chain looks at: the user may have skipped it by an ellipsis."""
_AUGMENTED = {"aten::add_": "+=", "aten::sub_": "-=", "aten::mul_": "*=", "aten::div_": "/="}

GETITEM = Function("python::getitem")
SETITEM = Function("python::setitem")


def is_operator(node: Node | None, *names: str) -> bool:
    """Whether the node applies one of the operators."""
    return node is not None and isinstance(node.op, Function) and node.op.name in names


def join_indexing(graph: Graph) -> None:
    """Write every chain of indexing steps as one ``python::getitem``."""
    advanced: set[Value] = set()
    for node in graph.nodes:
        step = _read_step(node)
        if step is None:
            continue
        base, items = _join(node.args[0], step, advanced) or (node.args[0], _first(step))
        made = graph.add(GETITEM, (base, items), name="part", before=node, location=node.location).output
        made.variable = node.output.variable
        if isinstance(step, list):
            advanced.add(made)
        graph.erase(node, made)
    for node in reversed(list(graph.nodes)):
        if is_operator(node, "python::getitem") and isinstance(node.args[1], tuple) and not node.output.uses:
            node.remove()


def tidy_indexing(graph: Graph) -> None:
    """Leave out ``[:]``, and what only says that the last dimensions are kept."""
    for node in graph.nodes:
        if not is_operator(node, "python::getitem") or not isinstance(node.args[1], tuple):
            continue
        base, items = node.args
        if all(_is_all(item) for item in items):
            if node.output.variable is None:
                graph.erase(node, base)
            continue
        node.set_arguments((base, _tidied(items, base)))


def _restore_ellipsis(items: tuple[Any, ...], base: Value) -> tuple[Any, ...]:
    """``...`` for dimensions that were skipped, up to items that reach to the last one of a value of known shape."""
    start = next((place for place, item in enumerate(items) if item != _SKIPPED), 0)
    rest = items[start:]
    n_dims = sum(item is not None for item in items)
    reaches = base.shape is not None and n_dims == len(base.shape) and _ALL not in rest[-1:]
    if start and reaches and _SKIPPED not in rest and all(isinstance(item, (slice, int, Value)) for item in rest):
        return (Ellipsis, *rest)
    return tuple(_ALL if item == _SKIPPED else item for item in items)


def _tidied(items: tuple[Any, ...], base: Value) -> Any:
    items = _restore_ellipsis(items, base)
    if items[0] is not Ellipsis and not all(item is None or _is_all(item) for item in items):
        while _is_all(items[-1]):
            items = items[:-1]
    return items[0] if len(items) == 1 else items


def _is_all(item: Any) -> bool:
    return isinstance(item, slice) and item in (_ALL, _SKIPPED)


Step = tuple[int, Any] | list[Any]
"""One step of indexing: a dimension and its item, or index tensors from the first dimension on."""


def _read_step(node: Node) -> Step | None:
    if is_operator(node, "aten::index") and isinstance(node.args[1], list):
        return [_ALL if item is None else item for item in node.args[1]]
    if is_operator(node, "aten::unsqueeze"):
        return (node.args[1], None) if node.args[1:] and _is_newaxis(node) else None
    if is_operator(node, "aten::select"):
        given = dict(zip(("dim", "index"), node.args[1:], strict=False)) | node.kwargs
        return (given["dim"], given["index"]) if isinstance(given["dim"], int) else None
    if is_operator(node, "aten::slice"):
        given = dict(zip(("dim", "start", "end", "step"), node.args[1:], strict=False)) | node.kwargs
        return _read_slice(**given)
    return None


def _read_slice(dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1) -> Step | None:
    start = None if type(start) is int and start == 0 else start
    end = None if type(end) is int and end == _END else end
    step = None if type(step) is int and step == 1 else step
    return (dim, slice(start, end, step)) if isinstance(dim, int) else None


def _is_newaxis(node: Node) -> bool:
    """Whether an ``unsqueeze`` stands between other steps of indexing, so that it was written as ``None``."""
    base = node.args[0].producer
    if is_operator(base, "python::getitem") and isinstance(base.args[1], tuple) and _is_link(node.args[0]):
        return True
    if not _is_link(node.output):
        return False
    (user,) = node.output.uses
    if user.args[0] is not node.output:
        return False
    return is_operator(user, "aten::slice", "aten::select") or (
        is_operator(user, "aten::unsqueeze") and _is_newaxis(user)
    )


def _is_link(value: Value) -> bool:
    """Whether nothing but the next step can take the value."""
    return len(value.uses) == 1 and value.variable is None and list(find_values(value.uses[0].args)).count(value) == 1


def _first(step: Step) -> tuple[Any, ...]:
    if isinstance(step, list):
        return tuple(step)
    dim, item = step
    if dim < 0:
        return (Ellipsis, item, *(_ALL,) * (-dim - 1))
    return (*(_SKIPPED,) * dim, item)


def _join(base: Value, step: Step, advanced: set[Value]) -> tuple[Value, tuple[Any, ...]] | None:
    """The base and items of ``base`` followed by one more step, or None if that is not one index."""
    before = base.producer
    if before is None or not is_operator(before, "python::getitem") or not _is_link(base) or base in advanced:
        return None
    items = before.args[1]
    if not isinstance(items, tuple) or Ellipsis in items:
        return None
    # dimensions that an integer took away are not counted any more
    places = [i for i, known in enumerate(items) if known is None or isinstance(known, slice)]
    joined: tuple[Any, ...] | None = items
    for dim, item in enumerate(step) if isinstance(step, list) else [step]:
        joined = _put(joined, places, dim, item) if joined is not None else None
    return (before.args[0], joined) if joined is not None else None


def _put(items: tuple[Any, ...], places: list[int], dim: int, item: Any) -> tuple[Any, ...] | None:
    if dim < 0:
        return None
    if dim >= len(places):
        return (*items, *(_SKIPPED,) * (dim - len(places)), item)
    place = places[dim]
    if item is None:
        return (*items[:place], None, *items[place:])
    if not _is_all(items[place]):
        return items if _is_all(item) else None
    return (*items[:place], item, *items[place + 1 :])


# -- assignments ------------------------------------------------------------------------------------------------


def write_assignments(graph: Graph, owner: Graph) -> None:
    """Write in-place changes of indexed values as assignments to ``x[...]``.

    Args:
        graph: The graph, after `join_indexing`.
        owner: The graph whose members it uses.
    """
    for node in list(graph.nodes):
        if is_operator(node, "aten::fill_", "aten::copy_") and not node.kwargs and not node.output.uses:
            _assign(graph, node, owner)
        elif is_operator(node, "aten::index_put_") and len(node.args) == 3 and not node.kwargs:
            _put_indices(graph, node, owner)


def _assign(graph: Graph, node: Node, owner: Graph) -> None:
    target, value = node.args[:2]
    place = target.producer
    if not is_operator(place, "python::getitem") or not isinstance(place.args[1], tuple) or target.uses != (node,):
        return
    base, items = place.args
    augmented = _read_augmented(value, base, items)
    if augmented is None:
        written = _plain_number(value, owner)
        graph.add(SETITEM, (base, _tidied(items, base), written), before=node, n_outputs=0, location=node.location)
    else:
        operator, operand = augmented
        graph.add(
            SETITEM, (base, _tidied(items, base), operand, operator), before=node, n_outputs=0, location=node.location
        )
    node.remove()
    place.remove()
    if augmented is not None:
        changed = value.producer
        view = changed.args[0].producer
        changed.remove()
        view.remove()


def _read_augmented(value: Any, base: Value, items: tuple[Any, ...]) -> tuple[str, Any] | None:
    """Operator and operand if ``value`` is what ``base[items] += operand`` made before it is assigned."""
    changed = value.producer if isinstance(value, Value) else None
    if changed is None or not is_operator(changed, *_AUGMENTED) or changed.kwargs or len(value.uses) != 1:
        return None
    view = changed.args[0].producer if isinstance(changed.args[0], Value) else None
    if view is None or not is_operator(view, "python::getitem") or view.args[0] is not base or view.args[1] != items:
        return None
    return (_AUGMENTED[changed.type], changed.args[1]) if view.output.uses == (changed,) else None


def _put_indices(graph: Graph, node: Node, owner: Graph) -> None:
    target, indices, value = node.args
    if not isinstance(indices, list) or (node.output.uses and node.output.variable is not None):
        return
    step = [_ALL if item is None else item for item in indices]
    joined = _join(target, step, set())
    if joined is None and is_operator(target.producer, "python::getitem") and node.output.uses:
        return
    base, items = joined or (target, tuple(step))
    if joined is not None and node.output.uses:
        return
    node.output.replace_by(base)
    arguments = (base, _tidied(items, base), _plain_number(value, owner))
    graph.add(SETITEM, arguments, before=node, n_outputs=0, location=node.location)
    node.remove()
    if joined is not None:
        target.producer.remove()


def _plain_number(value: Any, owner: Graph) -> Any:
    """The number, if ``value`` is a constant tensor of one that tracing made of it."""
    producer = value.producer if isinstance(value, Value) else None
    if producer is None or not isinstance(producer.op, Attribute):
        return value
    member = owner.members.get(producer.op.target)
    op = member.op if member is not None else None
    if isinstance(op, Tensor) and op.kind == "constant" and op.shape == () and op.init.type == "torch.tensor":
        return op.init.args[0]
    return value
