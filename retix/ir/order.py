"""The order in which things are looked at that are built on each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def sort_below(roots: Iterable[Item], below: Callable[[Item], Iterable[Item]]) -> list[Item]:
    """``roots`` and all that lies below them, each once and behind what lies below it; depth first, in linear time.

    Where something lies below itself, one of its circle stands before what lies below it; see `find_circular`.
    """
    order: list[Item] = []
    seen: set[Item] = set()
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        # a stack of its own, because a chain may be deeper than Python's
        stack: list[tuple[Item, Iterator[Item]]] = [(root, iter(below(root)))]
        while stack:
            for item in stack[-1][1]:
                if item not in seen:
                    seen.add(item)
                    stack.append((item, iter(below(item))))
                    break
            else:
                order.append(stack.pop()[0])
    return order


def find_circular(order: Iterable[Item], below: Callable[[Item], Iterable[Item]]) -> Item | None:
    """The first item found that lies below itself in an ``order`` by `sort_below`, or None."""
    passed: set[Item] = set()
    for item in order:
        # of all that an item leads to, only what it lies below itself comes later, or is the item
        for inner in below(item):
            if inner not in passed:
                return inner
        passed.add(item)
    return None
