"""The graphs of a model as a mutator sees them: each can be edited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from retix.ir.graph import Graph

if TYPE_CHECKING:
    from retix.ir.model import Model


class LiveGraphs(dict[str, Graph]):
    """Graphs by name that become editable when they are looked up.

    Args:
        model: Whose graphs they are.
    """

    __slots__ = ("_model",)

    def __init__(self, model: Model) -> None:
        super().__init__(model.graphs)
        self._model = model

    def __getitem__(self, name: str) -> Graph:
        found = super().__getitem__(name)
        return self._model.graph(name) if found.frozen else found

    def get(self, name: str, default: Any = None) -> Any:
        """The graph of that name, editable."""
        if name not in self:
            return default
        return self[name]

    # dict's views are of types of their own, which no annotation can name
    def values(self) -> Any:
        """All graphs, editable."""
        self._take_all()
        return super().values()

    def items(self) -> Any:
        """All names and graphs, editable."""
        self._take_all()
        return super().items()

    def _take_all(self) -> None:
        for name in self:
            self[name]


@contextmanager
def open_graphs(model: Model) -> Iterator[None]:
    """Let ``model.graphs[name]`` be an editable graph meanwhile, also where it is shared with a fork.

    Only the graphs that are looked up are copied. Outside, as everywhere within retix, looking one up copies nothing.
    """
    if isinstance(model.graphs, LiveGraphs):
        yield
        return
    model.graphs = LiveGraphs(model)
    try:
        yield
    finally:
        model.graphs = dict(model.graphs)
