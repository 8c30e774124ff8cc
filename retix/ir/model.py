"""A model: named graphs, where to begin, and how it came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir import codec
from retix.ir.digest import digest_model
from retix.ir.dot import write_dot
from retix.ir.drawing import draw
from retix.ir.graph import Graph
from retix.ir.history import Capture, ClassSource, Mutation
from retix.ir.mermaid import write_mermaid
from retix.ir.node import Node
from retix.ir.text import print_model
from retix.ir.verify import find_violations
from retix.ir.view import to_networkx

if TYPE_CHECKING:
    import networkx

    from retix.profile import Summary


@dataclass(slots=True)
class Model:
    """Named graphs, the root among them, and where the model comes from.

    Attributes:
        graphs: Every graph by name, also those shared with forks; take one for editing through `graph`.
        root_name: The graph of the outermost module.
        sources: Users' classes that cannot be imported, by the type under which leaves name them.
        ties: Groups of parameter paths of the base model that are one and the same tensor.
        evaluator: The evaluator as JSON, or None.
        history: What mutators chose, oldest first.
        capture: How the base model was captured; None for one that was made in another way.
    """

    graphs: dict[str, Graph]
    root_name: str
    sources: dict[str, ClassSource] = field(default_factory=dict)
    ties: tuple[tuple[str, ...], ...] = ()
    evaluator: Any = None
    history: tuple[Mutation, ...] = ()
    capture: Capture | None = None

    @property
    def root(self) -> Graph:
        """The outermost module's graph, editable."""
        return self.graph(self.root_name)

    def graph(self, name: str) -> Graph:
        """The graph of that name, editable: one that is shared with a fork is copied first.

        Raises:
            GraphError: There is none.
        """
        graph = self.graphs.get(name)
        if graph is None:
            raise GraphError(f"the model has no graph {name!r}", fix=f"it has {', '.join(self.graphs)}")
        if graph.frozen or graph.region_of is not None:
            self._take_family(graph.region_of or name)
        return self.graphs[name]

    def _take_family(self, owner: str) -> None:
        """Have editable copies of a graph and its branches: they use the same members, so they go together."""
        for name, part in self.graphs.items():
            if (name == owner or part.region_of == owner) and part.frozen:
                self.graphs[name] = part.copy()
        for part in self.graphs.values():
            if part.region_of == owner and owner in self.graphs:
                part.attach(self.graphs[owner])

    def _attach_regions(self) -> None:
        for graph in self.graphs.values():
            if graph.region_of in self.graphs:
                graph.attach(self.graphs[graph.region_of])

    def nodes(self, *, label: str | None = None, type: str | None = None) -> Iterator[Node]:
        """Yield nodes of all graphs, editable.

        Args:
            label: Only those that stand for the choice of that label.
            type: Only those that call a leaf of that class or apply that operator.
        """
        self._attach_regions()
        for name in tuple(self.graphs):
            shared = self.graphs[name]
            wanted = [
                node.name
                for node in shared.nodes
                if (label is None or node.label == label) and (type is None or node.type == type)
            ]
            if wanted:
                graph = self.graph(name)
                by_name = {node.name: node for node in graph.nodes}
                yield from (by_name[n] for n in wanted)

    def get_nodes_by_label(self, label: str) -> list[Node]:
        """The nodes that stand for the choice of that label."""
        return list(self.nodes(label=label))

    def get_nodes_by_type(self, type_name: str) -> list[Node]:
        """The nodes that call a leaf of that class, such as ``torch.nn.Conv2d``, or apply that operator."""
        return list(self.nodes(type=type_name))

    def fork(self) -> Model:
        """A model that can be edited without changing this one.

        Graphs are shared, and frozen, until one side asks for one by `graph`; then that side gets a copy.
        """
        self._attach_regions()
        for graph in self.graphs.values():
            graph.freeze()
        return Model(
            dict(self.graphs), self.root_name, dict(self.sources), self.ties, self.evaluator, self.history, self.capture
        )

    def copy(self) -> Model:
        """A model that shares no graph with this one, whose graphs stay editable; a `fork` is cheaper."""
        graphs = {name: graph.copy() for name, graph in self.graphs.items()}
        twin = Model(graphs, self.root_name, dict(self.sources), self.ties, self.evaluator, self.history, self.capture)
        twin._attach_regions()
        return twin

    def verify(self) -> None:
        """Check every rule of the IR.

        Raises:
            GraphError: Some are broken; the message lists all of them and shows the graphs concerned.
        """
        violations = find_violations(self)
        if violations:
            names = dict.fromkeys(v.graph for v in violations if v.graph in self.graphs)
            listed = "\n".join(f"  - {v}" for v in violations)
            raise GraphError(
                f"the model breaks {len(violations)} rule{'s' if len(violations) > 1 else ''} of the IR:\n{listed}\n"
                + print_model(self, only=tuple(names))
            )

    def digest(self) -> str:
        """A string that is equal for models that compute the same graph, whatever things are called in it.

        Names, dead nodes and the order of independent nodes do not count, except that nodes which change something in
        place keep the order of their graph. What is still open counts by its label.

        Raises:
            GraphError: A graph contains itself.
        """
        return digest_model(self)

    def to_json(self) -> dict[str, Any]:
        """The model as JSON values, without loss."""
        return codec.model_to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Model:
        """The model that `to_json` wrote.

        Raises:
            GraphError: A newer retix wrote it, or it is no model.
        """
        return cls(**codec.model_fields_from_json(data))

    def summary(self, example_inputs: Any = None, *, batch_size: int | None = None, training: bool = True) -> Summary:
        """What the model costs: parameters, FLOPs, activation memory, in all and for each module.

        See `retix.profile.summarize`, which does the work, and needs torch.

        Raises:
            ProfileError: A choice is open, the shape of an input is not known, or forward depends on data.
        """
        # the IR stays free of torch; who asks for a summary pays for it
        from retix.profile import summarize

        return summarize(self, example_inputs, batch_size=batch_size, training=training)

    def to_dot(self, *, graph: str | None = None, depth: int | None = None) -> str:
        """A drawing for Graphviz: cells and branches as clusters, shapes on the arrows, open choices dashed.

        Shapes are those of `Value.shape`; `retix.profile.infer_shapes` records them anew after edits.

        Args:
            graph: Draw this graph and what it calls; the root by default.
            depth: How many levels of cells are unfolded; all by default.

        Raises:
            GraphError: There is no such graph.
        """
        return write_dot(draw(self, graph=graph, depth=depth))

    def to_mermaid(self, *, graph: str | None = None, depth: int | None = None) -> str:
        """A drawing for Mermaid, as a page or a Markdown file shows it; see `to_dot` for the arguments.

        Mermaid itself refuses more than 500 arrows unless it is configured otherwise: draw large models with a
        ``depth``, or one ``graph`` at a time.

        Raises:
            GraphError: There is no such graph.
        """
        return write_mermaid(draw(self, graph=graph, depth=depth))

    def to_networkx(self) -> networkx.MultiDiGraph:
        """The nodes of all graphs as a networkx graph, each with its type, graph and text."""
        self._attach_regions()
        return to_networkx(self)

    def __str__(self) -> str:
        return print_model(self)
