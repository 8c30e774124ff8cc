"""What NNI's scripts call on models: looking up nodes in all graphs, and copies of graphs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.node import Node, join_path
from retix.ir.op import Call, Cell, If, Loop
from retix.ir.surface import find_plain_name

if TYPE_CHECKING:
    from retix.ir.graph import Graph


class ModelSurface:
    """Look-ups in all graphs of a model; part of `Model`."""

    __slots__ = ()

    if TYPE_CHECKING:
        # what `Model` itself has
        graphs: dict[str, Graph]
        root_name: str

        def graph(self, name: str) -> Graph: ...

        def nodes(self, *, label: str | None = None, type: str | None = None) -> Iterator[Node]: ...

        def _select(self, fits: Any) -> Iterator[Node]: ...

    @property
    def root_graph(self) -> Graph:
        """The outermost module's graph, editable; the same as ``root``."""
        return self.graph(self.root_name)

    def get_nodes(self) -> Iterator[Node]:
        """The nodes of all graphs, editable."""
        return self.nodes()

    def get_nodes_by_label(self, label: str) -> list[Node]:
        """The nodes of that label: choices, placeholders, and those that `Node.update_label` marked."""
        return list(self.nodes(label=label))

    def get_nodes_by_type(self, type_name: str) -> list[Node]:
        """The nodes of a type.

        Args:
            type_name: The class of a leaf, such as ``torch.nn.Conv2d``, also as ``retix.nn.pytorch.Conv2d``, or as
                TorchScript writes it; the name of a class alone; the class of a cell; an operator, such as
                ``aten::relu``; or a choice, such as ``retix.nn.pytorch.InputChoice``.
        """
        return list(self.nodes(type=type_name))

    def get_node_by_name(self, node_name: str) -> Node | None:
        """The node of that name, or None.

        Raises:
            GraphError: Several graphs have one.
        """
        return self._find_one(lambda node: node.name in (node_name, find_plain_name(node_name)), node_name)

    def get_node_by_python_name(self, python_name: str) -> Node | None:
        """The node that calls the module of that path in the base model, or None; the first of several calls."""
        return next(iter(self._select(lambda node: self._find_path(node) == python_name)), None)

    def get_cell_nodes(self) -> list[Node]:
        """The nodes that call a cell."""
        return list(self._select(lambda node: isinstance(node.operation, Cell)))

    def callers_of(self, graph: Graph, target: str) -> list[Node]:
        """The nodes of a graph and of its branches that call a member of it."""
        owner = graph.region_of or graph.name
        parts = [self.graph(name) for name in tuple(self.graphs) if self._is_part(name, owner)]
        return [node for part in parts for node in part.nodes if node.op == Call(target)]

    def duplicate_graph(self, name: str) -> Graph:
        """A copy of a graph and its branches under a new name, editable; the cells in it are those of the original.

        Raises:
            GraphError: There is no such graph, or it is a branch.
        """
        original = self.graph(name)
        if original.region_of is not None:
            raise GraphError(f"graph {name!r} is a branch of {original.region_of!r}", fix="duplicate that")
        parts = [part for part in tuple(self.graphs) if self._is_part(part, name)]
        names = {part: self._find_free_name(part) for part in parts}
        for part in parts:
            copied = self.graph(part).copy()
            copied.name = names[part]
            copied.region_of = names[name] if copied.region_of is not None else None
            _rename_branches(copied.nodes, names)
            self.graphs[copied.name] = copied
        return self.graph(names[name])

    def _find_path(self, node: Node) -> str | None:
        """`Node.python_name`, also of a node of a graph that is shared with a fork."""
        member, owner = node.member, node.graph.scope.name
        if member is None or member.origin is None:
            return None
        return join_path("" if owner == self.root_name else owner, member.origin)

    def _is_part(self, name: str, owner: str) -> bool:
        return owner in (name, dict.__getitem__(self.graphs, name).region_of)

    def _find_free_name(self, wanted: str) -> str:
        number = 1
        while f"{wanted}_{number}" in self.graphs:
            number += 1
        return f"{wanted}_{number}"

    def _find_one(self, fits: Any, name: str) -> Node | None:
        found = list(self._select(fits))
        if len(found) > 1:
            raise GraphError(
                f"{len(found)} nodes are called {name!r}, in {', '.join(node.graph.name for node in found)}",
                fix="ask one graph: model.graph(name).get_node_by_name",
            )
        return found[0] if found else None


def _rename_branches(nodes: Iterable[Node], names: Mapping[str, str]) -> None:
    for node in nodes:
        match node.op:
            case If(then, otherwise):
                node.op = If(names.get(then, then), names.get(otherwise, otherwise))
            case Loop(body, n_carried):
                node.op = Loop(names.get(body, body), n_carried)
