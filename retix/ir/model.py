"""A model: named graphs, where to begin, and how it came to be."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any

from retix.errors import GraphError
from retix.ir import codec
from retix.ir.digest import digest_model
from retix.ir.dot import write_dot
from retix.ir.drawing import draw
from retix.ir.graph import Graph
from retix.ir.history import Capture, ClassSource, ModelStatus, Mutation
from retix.ir.mermaid import write_mermaid
from retix.ir.model_surface import ModelSurface
from retix.ir.nni_json import read_nni_model, write_nni_model
from retix.ir.node import Node
from retix.ir.surface import is_of_type
from retix.ir.text import print_model
from retix.ir.verify import find_violations
from retix.ir.view import to_networkx

if TYPE_CHECKING:
    import networkx

    from retix.profile import Summary


@dataclass(slots=True, weakref_slot=True, eq=False)
class Model(ModelSurface):
    """Named graphs, the root among them, and where the model comes from.

    Attributes:
        graphs: Every graph by name, also those shared with forks; take one for editing through `graph`. By default one
            graph that computes nothing.
        root_name: The graph of the outermost module.
        sources: Users' classes that cannot be imported, by the type under which leaves name them.
        ties: Groups of parameter paths of the base model that are one and the same tensor.
        evaluator: The evaluator as JSON, or None.
        history: What mutators chose, oldest first.
        capture: How the base model was captured; None for one that was made in another way.
        constraints: What the open choices have to fulfil, each as JSON: ``expression``, ``message``, ``place``; the
            digest, which is about what is computed, does not depend on them.
        written: Of a model that was read from NNI's JSON: how it was written there, by graph; see `_dump`.
        python_class: The class of the base model, where it is known; it is not written.
        python_init_params: The arguments that made the base model; likewise.
        status: What becomes of the model in a search that hands models around; the last three are neither written nor
            handed on to forks.
        _internal: NNI's way to say that a model is made on purpose; it changes nothing.
        metric: The final result, if there is one.
        intermediate_metrics: The results on the way.
        clean: The root's name and the graphs at a time when all of them were frozen and nothing in them was dead, or
            None; see `retix.ir.dead`. Handed on to forks.
    """

    graphs: dict[str, Graph] = field(default_factory=lambda: {"_model": Graph("_model", "_model")})
    root_name: str = "_model"
    sources: dict[str, ClassSource] = field(default_factory=dict)
    ties: tuple[tuple[str, ...], ...] = ()
    evaluator: Any = None
    history: tuple[Mutation, ...] = ()
    capture: Capture | None = None
    constraints: tuple[Any, ...] = ()
    python_class: Any = None
    python_init_params: Any = None
    written: dict[str, Any] = field(default_factory=dict)
    status: ModelStatus = ModelStatus.Mutating
    metric: Any = None
    intermediate_metrics: list[Any] = field(default_factory=list)
    clean: tuple[str, dict[str, Graph]] | None = field(default=None, repr=False)
    _internal: InitVar[bool] = False

    def __post_init__(self, _internal: bool) -> None:
        me = weakref.ref(self)
        for graph in dict.values(self.graphs):
            if not graph.frozen:
                graph._model = me

    @property
    def root(self) -> Graph:
        """The outermost module's graph, editable."""
        return self.graph(self.root_name)

    def graph(self, name: str) -> Graph:
        """The graph of that name, editable: one that is shared with a fork is copied first.

        Raises:
            GraphError: There is none.
        """
        graph = dict.get(self.graphs, name)  # past `LiveGraphs`, whose look-ups end here
        if graph is None:
            raise GraphError(f"the model has no graph {name!r}", fix=f"it has {', '.join(self.graphs)}")
        if graph.frozen or graph.region_of is not None:  # a branch may not know yet whose members it uses
            self._take_family(graph.region_of or name)
        found = dict.__getitem__(self.graphs, name)
        found._model = weakref.ref(self)
        return found

    def _take_family(self, owner: str) -> None:
        """Have editable copies of a graph and its branches: they use the same members, so they go together."""
        for name, part in dict.items(self.graphs):
            if (name == owner or part.region_of == owner) and part.frozen:
                self.graphs[name] = part.copy()
        for part in dict.values(self.graphs):
            if part.region_of == owner and owner in self.graphs:
                part.attach(dict.__getitem__(self.graphs, owner))

    def _attach_regions(self) -> None:
        for graph in dict.values(self.graphs):
            if not graph.frozen:
                graph._model = weakref.ref(self)
            if graph.region_of in self.graphs:
                graph.attach(dict.__getitem__(self.graphs, graph.region_of))

    def nodes(self, *, label: str | None = None, type: str | None = None) -> Iterator[Node]:
        """Yield nodes of all graphs, editable.

        Args:
            label: Only those that stand for the choice of that label.
            type: Only those of that type; see `get_nodes_by_type`.
        """
        read = dict(dict.items(self.graphs))
        return self._select(
            lambda node: (label is None or node.label == label) and (type is None or is_of_type(node, type, read))
        )

    def _select(self, fits: Callable[[Node], bool]) -> Iterator[Node]:
        """Yield the nodes that fit, editable; only graphs that have some are copied."""
        self._attach_regions()
        for name in tuple(self.graphs):
            shared = dict.__getitem__(self.graphs, name)
            wanted = [node.name for node in shared.nodes if fits(node)]
            if wanted:
                by_name = {node.name: node for node in self.graph(name).nodes}
                yield from (by_name[n] for n in wanted)

    def fork(self) -> Model:
        """A model that can be edited without changing this one.

        Graphs are shared, and frozen, until one side asks for one by `graph`; then that side gets a copy.
        """
        self._attach_regions()
        for graph in dict.values(self.graphs):
            graph.freeze()
        return self._twin(dict(self.graphs))

    def copy(self) -> Model:
        """A model that shares no graph with this one, whose graphs stay editable; a `fork` is cheaper."""
        graphs = {name: graph.copy() for name, graph in self.graphs.items()}
        twin = self._twin(graphs)
        twin._attach_regions()
        return twin

    def _twin(self, graphs: dict[str, Graph]) -> Model:
        """All but the graphs as here."""
        twin = Model(
            graphs,
            self.root_name,
            dict(self.sources),
            self.ties,
            self.evaluator,
            self.history,
            self.capture,
            self.constraints,
            self.python_class,
            self.python_init_params,
            self.written,
        )
        twin.clean = self.clean
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        return self.copy()

    def __reduce__(self) -> tuple[Callable[..., Model], tuple[dict[str, Any]]]:
        """Models travel as JSON; what is not written stays behind."""
        return Model.from_json, (self.to_json(),)

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

    @classmethod
    def _load(cls, data: Mapping[str, Any]) -> Model:
        """The model that NNI wrote as JSON; layers of other frameworks are leaves by their names.

        Raises:
            GraphError: It is no such graph.
        """
        model = cls(**read_nni_model(data))
        model._attach_regions()
        return model

    def _dump(self) -> dict[str, Any]:
        """The model as NNI's JSON; what was read and did not change is written as it was."""
        return write_nni_model(self)

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
