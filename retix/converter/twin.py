"""Whether nodes of the two modes do the same, and the mode in the place of booleans in which they differ."""

from __future__ import annotations

from typing import Any

from retix.ir import Attribute, Function, Node, Value

Translation = dict[Value, Value]
"""Values of the graph in eval mode, to those of the graph in training that stand for the same."""


def is_twin(left: Node, right: Node, twins: Translation) -> bool:
    """Whether two nodes do the same but for booleans."""
    same = left.op == right.op and len(left.outputs) == len(right.outputs)
    return same and match((left.args, left.kwargs), (right.args, right.kwargs), twins)


def match(left: Any, right: Any, twins: Translation) -> bool:
    """Whether two arguments are equal, or different booleans."""
    if isinstance(left, Value):
        return twins.get(left) is right
    if isinstance(left, bool) and isinstance(right, bool):
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(match(a, b, twins) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(match(left[key], right[key], twins) for key in left)
    return bool(left == right)


def merge_node(node: Node, other: Node) -> None:
    """Let a node do in training what its twin does."""
    if _booleans(node.args) != _booleans(other.args) or _booleans(node.kwargs) != _booleans(other.kwargs):
        args, kwargs = _with_mode((node.args, node.kwargs), (other.args, other.kwargs), node)
        node.set_arguments(args, kwargs)


def _booleans(argument: Any) -> list[bool]:
    if isinstance(argument, bool):
        return [argument]
    items = argument.values() if isinstance(argument, dict) else argument
    return [flag for item in items for flag in _booleans(item)] if isinstance(argument, (list, tuple, dict)) else []


def _with_mode(left: Any, right: Any, node: Node) -> Any:
    """``left`` (eval) with the mode in place of each boolean that ``right`` (train) has otherwise."""
    if isinstance(left, bool) and left is not right:
        training = node.graph.add(Attribute("training"), name="training", before=node).output
        return node.graph.add(Function("python::not"), (training,), before=node).output if left else training
    if isinstance(left, (list, tuple)):
        return type(left)(_with_mode(a, b, node) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return {key: _with_mode(item, right[key], node) for key, item in left.items()}
    return left
