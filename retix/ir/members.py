"""The members of a graph that is shared with a fork."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from retix.errors import GraphError
from retix.ir.op import Member


class FrozenMembers(dict[str, Member]):
    """Members by name that refuse to change, so that no edit of one model reaches another.

    Args:
        graph: The name of the graph whose members they are.
        members: The members.
    """

    __slots__ = ("_graph",)

    def __init__(self, graph: str, members: Mapping[str, Member]) -> None:
        super().__init__(members)
        self._graph = graph

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise GraphError(
            f"the members of graph {self._graph!r} are shared with a fork and cannot be edited",
            fix="take an editable graph from the model: model.graph(name).members",
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
