"""What an operation does to memory, whatever node does it: what it overwrites, and whose memory it hands on."""

from __future__ import annotations

from retix.ir.effect import _changed, _changes_itself, _memory_of
from retix.ir.node import Node, Value
from retix.ir.op import MemberOp, NodeOp


def overwrites(operation: MemberOp | NodeOp | None) -> bool:
    """Whether it changes something in place, or may stop the model, apart from what graphs do that it runs."""
    return _changes_itself(operation)


def overwritten_by(node: Node) -> set[Value]:
    """The values that a node whose operation `overwrites` changes; empty where that is not all it does."""
    return _changed(node)


def passes_on(node: Node, operation: MemberOp | NodeOp | None) -> tuple[Value, ...] | None:
    """The inputs whose memory the outputs may be if it does ``operation``: none for new memory, None if unknown."""
    return _memory_of(node, operation)
