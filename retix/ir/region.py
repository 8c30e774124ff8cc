"""Regions: parts of a graph that are edited as one, and cells that are opened and closed.

A region is the nodes between some values that go in and some that come out. It is replaced, removed, duplicated or
made a cell as a whole; whatever would break the graph, or does not fit by the shapes known, is refused with the
name of the node that objects, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir.effect import Effects
from retix.ir.graph import Graph
from retix.ir.node import Node, Value, map_values
from retix.ir.op import Attribute, Call, Cell, Function, If, LayerChoice, Loop, Member, MemberOp, Module, NodeOp
from retix.ir.site import Build, Site, branches_of, build_at, check_types, copy_node, substitute, take_out
from retix.ir.surface import hoist

if TYPE_CHECKING:
    from retix.ir.model import Model


@dataclass(frozen=True, slots=True)
class Region:
    """Nodes of one graph that belong together, and the values at their border.

    Attributes:
        graph: The graph, editable.
        nodes: The nodes, in order.
        inputs: The values that they take from elsewhere, in the order in which they are taken, or as they were given.
        outputs: Their values that others take.
    """

    graph: Graph
    nodes: tuple[Node, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Region:
        """The region of some nodes.

        Raises:
            GraphError: There are none, they are of several graphs, or a node between them is left out.
        """
        chosen = set(nodes)
        graphs = {node.graph for node in chosen}
        if len(graphs) != 1:
            raise GraphError(f"a region is part of one graph, and these nodes are of {len(graphs)}")
        (graph,) = graphs
        ordered = [node for node in graph.nodes if node in chosen]
        if len(ordered) < len(chosen):
            raise GraphError(f"a node of the region was removed from graph {graph.name!r}, or is its return")
        own = {value for node in ordered for value in node.outputs}
        inputs = dict.fromkeys(value for node in ordered for value in node.inputs if value not in own)
        outputs = [value for node in ordered for value in node.outputs if any(u not in chosen for u in value.uses)]
        found = cls(graph, tuple(ordered), tuple(inputs), tuple(outputs))
        found._check_closed()
        return found

    @classmethod
    def between(cls, inputs: Iterable[Value], outputs: Iterable[Value]) -> Region:
        """The nodes that compute ``outputs`` from ``inputs``; those that need no input belong to it too.

        Raises:
            GraphError: A node on the way takes a value that does not come from ``inputs``, or is taken from within by
                others.
        """
        given, wanted = tuple(inputs), tuple(outputs)
        found: dict[Node, None] = {}
        frontier = [(value, value) for value in wanted]
        while frontier:
            value, taken = frontier.pop()
            if value in given:
                continue
            if value.producer is None:
                raise GraphError(
                    f"the region needs {value!r} to compute {taken!r}, and it is not among its inputs",
                    fix="name it as an input of the region",
                )
            if value.producer not in found:
                found[value.producer] = None
                frontier += [(item, value) for item in value.producer.inputs]
        region = cls.of(found)
        inner = [value for value in region.outputs if value not in wanted]
        if inner:
            user = next(user for user in inner[0].uses if user not in found)
            raise GraphError(
                f"node {user.name!r} takes {inner[0]!r} out of the region", fix="name it as an output of the region"
            )
        return replace(region, inputs=given, outputs=wanted)

    # -- edits --------------------------------------------------------------------------------------------------

    def replace(self, build: Build) -> Region | None:
        """Put something else in its place.

        Args:
            build: Called with a `Site` and the inputs; returns as many values as the region has outputs, or None to
                leave it as it is.

        Returns:
            The region of the new nodes, if there are new ones.

        Raises:
            GraphError: Another number of values came back, one of another known shape or dtype, or one that depends on
                what is replaced; the new nodes are gone again.
        """
        site = self._make_site()
        results = build_at(site, build, self.inputs)
        if results is None:
            take_out(site.added)
            return None
        try:
            self._check_results(results)
            _check_independent(results, self.nodes)
        except GraphError:
            take_out(site.added)
            raise
        for old, new in zip(self.outputs, results, strict=True):
            substitute(self.graph, old, new)
        take_out(self.nodes)
        self._verify()
        made = Region.of(site.added) if site.added else Region(self.graph, (), self.inputs, ())
        return replace(made, outputs=tuple(results))

    def remove(self, *kept: Value) -> None:
        """Take it out; who took its outputs takes ``kept`` instead, by default the inputs, one for each.

        Raises:
            GraphError: As many are not there, or they are of another known shape or dtype.
        """
        by = kept or self.inputs
        self.replace(lambda _, *inputs: by)

    def duplicate(self, *inputs: Value) -> Region:
        """Do the same once more, by layers of its own with weights of their own.

        Args:
            inputs: What the copy takes; by default what the original takes.

        Returns:
            The region of the copy, whose outputs nobody takes yet.

        Raises:
            GraphError: A node of it runs branches; or an input does not fit.
        """
        given = inputs or self.inputs
        self._check_inputs(given)
        self._check_plain("duplicated")
        site = self._make_site()
        values = dict(zip(self.inputs, given, strict=True))
        members: dict[str, str] = {}
        for value in given:
            if value.producer is not None:
                hoist(self.graph, value.producer, site._before)
        for node in self.nodes:
            new = self.graph.add(
                self._duplicate_op(node.op, members),
                map_values(node.args, values.__getitem__),
                map_values(node.kwargs, values.__getitem__),
                name=node.name,
                output_names=[value.name for value in node.outputs],
                before=site._before,
                location=node.location,
            )
            for old, value in zip(node.outputs, new.outputs, strict=True):
                value.take_type(old)
                values[old] = value
            site.added.append(new)
        self._verify()
        return Region(self.graph, tuple(site.added), tuple(given), tuple(values[value] for value in self.outputs))

    def rewire(self, index: int, value: Value) -> Region:
        """Let it take another value as its input number ``index``.

        Raises:
            GraphError: The value depends on the region, or is of another known shape or dtype.
        """
        old = self.inputs[index]
        inputs = tuple(value if number == index else item for number, item in enumerate(self.inputs))
        self._check_inputs(inputs)
        _check_independent([value], self.nodes)
        for node in self.nodes:
            if old in node.inputs:
                if value.producer is not None:
                    hoist(self.graph, value.producer, node)
                node.replace_input(old, value)
        self._verify()
        return replace(self, inputs=inputs)

    def extract(self, name: str, class_name: str | None = None) -> Node:
        """Make it a cell: a graph of its own, which the node that is returned calls.

        Args:
            name: The wanted name of the graph, and of the member.
            class_name: What the generated class is called; by default made of the name.

        Raises:
            GraphError: A node of it runs branches, or uses a member that nodes outside of it use too, or it would be
                moved past a node with effects.
        """
        from_model = self.graph.model
        self._check_plain("made a cell")
        self._check_members()
        before = self._find_anchor()
        cell = Graph(_find_free(from_model, name), class_name or name.rpartition(".")[2].title().replace("_", ""))
        values: dict[Value, Value] = {}
        for value in self.inputs:
            values[value] = cell.add_input(value.name)
            values[value].variable = value.variable
            values[value].take_type(value)
        scope = self.graph.scope
        for target in dict.fromkeys(node.op.target for node in self.nodes if isinstance(node.op, (Call, Attribute))):
            if target in scope.members:
                cell.members[target] = scope.members.pop(target)
        for node in self.nodes:
            copy_node(node, cell, values, node.op)
        inner = [values[value] for value in self.outputs]
        cell.set_result(inner[0] if len(inner) == 1 else tuple(inner))
        from_model.graphs[cell.name] = cell
        for value in self.inputs:
            if value.producer is not None:
                hoist(self.graph, value.producer, before)
        # the parts keep the paths that they had, so that the cell has none of its own
        call = self.graph.add(
            Call(self.graph.add_member(name, Cell(cell.name), "")), self.inputs, name=name, before=before
        )
        self._hand_out(call, before)
        take_out(self.nodes)
        self._verify()
        return call

    def _hand_out(self, call: Node, before: Node) -> None:
        """Let the users of the outputs take those of the cell."""
        results = [call.output]
        if len(self.outputs) > 1:
            get = Function("python::getitem")
            results = [
                self.graph.add(get, [call.output, index], name=value.name, before=before).output
                for index, value in enumerate(self.outputs)
            ]
        for old, new in zip(self.outputs, results, strict=True):
            new.take_type(old)
            new.variable = old.variable
            substitute(self.graph, old, new, but=self.nodes)

    # -- what may object ----------------------------------------------------------------------------------------

    def _check_closed(self) -> None:
        """No node outside is between two nodes of it."""
        after: set[Node] = set()
        chosen = set(self.nodes)
        for node in [*self.graph.nodes, self.graph.result]:
            behind = any(item in after or (node not in chosen and item in chosen) for item in node.predecessors)
            if behind and node in chosen and any(item in after for item in node.predecessors):
                raise GraphError(
                    f"node {node.name!r} depends on the rest of the region by a node that is not part of it",
                    fix="take the nodes between into the region too",
                )
            if behind and node not in chosen:
                after.add(node)

    def _check_plain(self, what: str) -> None:
        for node in self.nodes:
            if isinstance(node.op, (If, Loop)):
                raise GraphError(
                    f"node {node.name!r} runs branches, so that its region cannot be {what}",
                    fix="make the cell that it is part of, or its branches, the region",
                )

    def _check_members(self) -> None:
        parts = [self.graph.scope, *branches_of(self.graph.scope)]
        outside = [node for part in parts for node in part.nodes if node not in self.nodes]
        used = {node.op.target: node for node in outside if isinstance(node.op, (Call, Attribute))}
        for node in self.nodes:
            if not isinstance(node.op, (Call, Attribute)) or node.op == Attribute("training"):
                continue
            target = node.op.target
            other = used.get(target) or next(
                (item for name, item in used.items() if name.startswith(f"{target}.") or target.startswith(f"{name}.")),
                None,
            )
            if other is not None:
                raise GraphError(
                    f"node {other.name!r} uses the member {target!r} too, so that it cannot go into a cell",
                    fix="take that node into the region, or give one of them a member of its own",
                )

    def _check_inputs(self, given: Sequence[Value]) -> None:
        if len(given) != len(self.inputs):
            raise GraphError(f"the region takes {len(self.inputs)} values, not {len(given)}")
        for old, new in zip(self.inputs, given, strict=True):
            taker = next((node for node in self.nodes if old in node.inputs), None)
            if taker is not None:
                check_types(old, new, taker)

    def _check_results(self, results: Sequence[Any]) -> None:
        if len(results) != len(self.outputs):
            names = ", ".join(map(repr, self.outputs)) or "nothing"
            raise GraphError(f"the region has {len(self.outputs)} outputs, {names}, and got {len(results)} instead")
        for old, new in zip(self.outputs, results, strict=True):
            if not isinstance(new, Value):
                raise GraphError(f"{new!r} cannot stand for {old!r}: it is no value")
            for user in old.uses:
                if user not in self.nodes:
                    check_types(old, new, user)

    def _find_anchor(self) -> Node:
        """The first node behind the region that depends on it; nodes that do not may have to be moved before it.

        Raises:
            GraphError: One of those that stand between its nodes has effects, or one of its own, so that their order
                counts.
        """
        chosen = set(self.nodes)
        order = list(self.graph.nodes)
        places = {node: place for place, node in enumerate(order)}
        span = order[places[self.nodes[0]] : places[self.nodes[-1]] + 1] if self.nodes else []
        following = self.nodes[-1]._next if self.nodes else None
        if len(span) == len(chosen) and following is not None:
            return following
        model = self.graph.find_model()
        if model is not None:
            effects = Effects(model)
            for node in span:
                if effects.of(node):
                    raise GraphError(
                        f"node {node.name!r} changes something in place, and the region cannot be moved past it",
                        fix="take it into the region with all that stands between",
                    )
        users = {user for value in self.outputs for user in value.uses if user not in chosen}
        dependent = self._find_dependent(order)
        return next((node for node in order if node in users or node in dependent), self.graph.result)

    def _find_dependent(self, order: Sequence[Node]) -> set[Node]:
        chosen, found = set(self.nodes), set[Node]()
        for node in order:
            if node not in chosen and any(item in chosen or item in found for item in node.predecessors):
                found.add(node)
        return found

    def _make_site(self) -> Site:
        return Site(self.graph, self._find_anchor())

    def _duplicate_op(self, op: NodeOp, members: dict[str, str]) -> NodeOp:
        if not isinstance(op, (Call, Attribute)) or op == Attribute("training"):
            return op
        if op.target not in members:
            scope = self.graph.scope
            members[op.target] = self.graph.add_member(op.target, _make_fresh(scope.members[op.target].op, self.graph))
        return replace(op, target=members[op.target])

    def _verify(self) -> None:
        model = self.graph.find_model()
        if model is not None:
            model.verify()


def _make_fresh(op: MemberOp, graph: Graph) -> MemberOp:
    """The same without a counterpart in the base model, so that its weights are its own."""
    match op:
        case Module():
            return replace(op, state=())
        case LayerChoice(candidates=candidates):
            fresh = tuple((name, Member(_make_fresh(member.op, graph))) for name, member in candidates)
            return replace(op, candidates=fresh)
    return op


def _check_independent(results: Iterable[Value], nodes: Sequence[Node]) -> None:
    frontier, seen = [value.producer for value in results], set[Node]()
    while frontier:
        node = frontier.pop()
        if node is None or node in seen:
            continue
        if node in nodes:
            raise GraphError(f"what shall replace the region depends on node {node.name!r} of it")
        seen.add(node)
        frontier += node.predecessors


def _find_free(model: Model, wanted: str) -> str:
    name, number = wanted, 1
    while name in model.graphs:
        name, number = f"{wanted}_{number}", number + 1
    return name
