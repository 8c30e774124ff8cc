"""The cell of NAS-Bench-101."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from retix.nn.pytorch.chosen_inputs import ChosenInputs
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.mutable import Mutable, name_part
from retix.nn.pytorch.nasbench201 import name_candidates
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.nn.pytorch.value_choice import ValueChoice
from retix.space import (
    Chosen,
    Constraint,
    Decision,
    all_of,
    any_of,
    apply,
    apply_function,
    contains,
    takes_part,
    vertex_width,
)


class NasBench101Cell(Mutable):
    """Any directed acyclic graph of up to ``max_num_nodes`` vertices and ``max_num_edges`` edges.

    The first vertex is the input, the last the output; every other one applies a chosen operation to the sum of its
    inputs. What feeds the output is concatenated, and the input's projection added. Widths follow the connections, so
    that the output has ``out_features``; see `retix.space.vertex_width`. The labels of the choices are
    ``{label}/num_nodes``, ``{label}/op{vertex}`` and ``{label}/input{vertex}``, where an unlabelled cell's label is its
    path in the model.

    Source: Ying et al., https://arxiv.org/abs/1902.09635.

    Args:
        op_candidates: Functions of the number of features that make a module: a list, or a mapping from name. The
            number is an expression over choices, which layers of `retix.nn.pytorch` and basic units take.
        in_features: Features of the input.
        out_features: Features of the output.
        projection: A function of (in_features, out_features) that makes what the input goes through wherever it is
            added to something, or is the output.
        max_num_nodes: The greatest number of vertices, at least 2.
        max_num_edges: The greatest number of edges.
        label: See above.

    Raises:
        SpaceError: There are fewer than two vertices, or no edge.
    """

    def __init__(
        self,
        op_candidates: Mapping[str, Callable[[Any], torch.nn.Module]] | Sequence[Callable[[Any], torch.nn.Module]],
        in_features: int,
        out_features: int,
        projection: Callable[[Any, Any], torch.nn.Module],
        max_num_nodes: int = 7,
        max_num_edges: int = 9,
        label: str | None = None,
    ) -> None:
        super().__init__(label)
        if max_num_nodes < 2 or max_num_edges < 1:
            raise self._refuse(
                f"NasBench101Cell has max_num_nodes={max_num_nodes} and max_num_edges={max_num_edges}",
                fix="let there be at least 2 vertices and 1 edge",
            )
        self.in_features = in_features
        self.out_features = out_features
        self.max_num_nodes = max_num_nodes
        self.max_num_edges = max_num_edges
        sizes = range(2, max_num_nodes + 1)
        prior = [2**size for size in sizes]
        self.num_nodes = ValueChoice.make_part(sizes, f"{self.identity}/num_nodes", prior)
        self.widths = [self._width(vertex) for vertex in range(1, max_num_nodes - 1)]
        named = name_candidates(op_candidates)
        for vertex, width in enumerate(self.widths, 1):
            choice = LayerChoice({name: make(width) for name, make in named.items()})
            choice = name_part(choice, f"{self.identity}/op{vertex}")
            part = Vertex(width, projection(in_features, width), choice, self._answer(vertex), vertex)
            self.add_module(f"vertex{vertex}", part)
        self.projection = projection(in_features, out_features)
        if max_num_nodes > 2:
            self._make_output()
        if max_num_nodes * (max_num_nodes - 1) // 2 > max_num_edges:
            self.edge_rule = self._limit_edges()

    def _answer(self, vertex: int) -> Chosen:
        """The sources of a vertex."""
        return Chosen(Decision(f"{self.identity}/input{vertex}", tuple(range(vertex)), -1))

    def _answers(self) -> list[Any]:
        """The sources of every vertex that there is; none for others."""
        return [
            self._answer(vertex)
            if vertex == 1
            else apply("condition", self.num_nodes > vertex, self._answer(vertex), ())
            for vertex in range(1, self.max_num_nodes)
        ]

    def _width(self, vertex: int) -> Any:
        sizes = (self.in_features, self.out_features)
        return apply_function(vertex_width, vertex, *sizes, self.num_nodes, *self._answers())

    def _feeds_output(self, source: int) -> Any:
        """Whether there is an edge from ``source`` to the last vertex, whichever that is."""
        cases = [
            all_of(self.num_nodes == size, contains(self._answer(size - 1), source))
            for size in range(max(source + 2, 2), self.max_num_nodes + 1)
        ]
        return any_of(*cases)

    def _make_output(self) -> None:
        from_input = self._feeds_output(0)
        feeds = [self._feeds_output(source) for source in range(1, self.max_num_nodes - 1)]
        inner = any_of(*feeds)
        only_input = apply("not", inner)
        # where only the input is the output, nothing reads the concatenation; it is to be of something all the same
        self.concatenation = SelectInputs([any_of(feeds[0], only_input), *feeds[1:]], "concat")
        both = all_of(inner, from_input)
        without = all_of(inner, apply("not", from_input))
        self.output = SelectInputs([only_input, without, both], "one")

    def _limit_edges(self) -> Constraint:
        edges = [apply("len", answer) for answer in self._answers()]
        return Constraint(
            apply("sum", *edges) <= self.max_num_edges, f"a NasBench101Cell has at most {self.max_num_edges} edges"
        )

    def live_when(self, child: str) -> Any:
        if child.startswith("vertex"):
            vertex = int(child.removeprefix("vertex"))
            return all_of(
                self.num_nodes > vertex + 1, apply_function(takes_part, vertex, self.num_nodes, *self._answers())
            )
        return self._feeds_output(0) if child == "projection" else True

    def forward(self, x: torch.Tensor) -> Any:
        """Run the cell.

        Args:
            x: ``[N, in_features, *]``.

        Returns:
            ``[N, out_features, *]``.
        """
        if self.max_num_nodes == 2:
            return self.projection(x)
        tensors = [x]
        for vertex in range(1, self.max_num_nodes - 1):
            part = self._modules.get(f"vertex{vertex}")
            tensors.append(part(tensors) if part is not None else None)  # type: ignore[arg-type]  # nothing takes it
        if isinstance(self.output, ChosenInputs):
            return self._finish(x, tensors, *self.output.chosen)
        inner, projected = self.concatenation(tensors[1:]), self.projection(x)
        return self.output([projected, inner, inner + projected])

    def _finish(self, x: torch.Tensor, tensors: list[Any], which: int) -> Any:
        """The output, once it is known what it is made of."""
        if which == 0:
            return self.projection(x)
        inner = self.concatenation(tensors[1:])
        return inner if which == 1 else inner + self.projection(x)

    def extra_repr(self) -> str:
        return f"label={self.label!r}, max_num_nodes={self.max_num_nodes}, max_num_edges={self.max_num_edges}"


class Vertex(Mutable):
    """A vertex between the first and the last.

    Args:
        width: Its features: a number, or an expression.
        projection: What the cell's input goes through on its way here.
        op: The operation.
        answer: The vertices that feed it.
        index: Which vertex it is.
    """

    def __init__(
        self, width: Any, projection: torch.nn.Module, op: torch.nn.Module, answer: Chosen, index: int
    ) -> None:
        super().__init__(None)
        name_part(self, answer.decision.label)
        self.width = width
        self.projection = projection
        self._answer = answer
        self.select = SelectInputs([contains(answer, source) for source in range(index)], "sum")
        self.op = op

    def live_when(self, child: str) -> Any:
        return contains(self._answer, 0) if child == "projection" else True

    def forward(self, tensors: list[Any]) -> Any:
        """The operation on the sum of what feeds the vertex.

        Args:
            tensors: The cell's input, and the results of the vertices before.
        """
        projection = self._modules.get("projection")
        given = [None if projection is None else projection(tensors[0])]
        if len(tensors) > 1:
            width = self.width()
            # a source may have one feature more, where the output's features are not shared out evenly
            given += [None if tensor is None else tensor[:, :width] for tensor in tensors[1:]]
        return self.op(self.select(given))
