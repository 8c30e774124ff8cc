"""A cell: a small graph whose operations and connections are searched for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from retix.nn.pytorch.chosen_inputs import ChosenInputs, reduce
from retix.nn.pytorch.fingerprint import fingerprint
from retix.nn.pytorch.input_choice import InputChoice
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.mutable import Mutable, name_part
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.space import Chosen, Decision, any_of, apply, contains


class Cell(Mutable):
    """A graph of ``num_nodes`` nodes, each the sum of ``num_ops_per_node`` operations.

    Every operation is chosen among candidates, and takes its input from the cell's inputs (its predecessors) or from an
    earlier node, which is chosen too. Nodes are counted from ``num_predecessors`` on. The labels of the choices are
    ``{label}/op_{node}_{operation}`` and ``{label}/input_{node}_{operation}``, where an unlabelled cell's label is its
    path in the model; cells of one label, and deep copies of a cell, are the same.

    Sources: Zoph et al., https://arxiv.org/abs/1707.07012 (cells); Liu et al., https://arxiv.org/abs/1806.09055 (two
    inputs per node); Radosavovic et al., https://arxiv.org/abs/1905.13214 (loose ends).

    Args:
        op_candidates: A list of modules, or a mapping from name to module, each of which is copied for every operation.
            In place of a module there may be a function of (node, operation, index of the input or None): what it
            makes for each input is told apart, if it differs. Or a function that returns such a list.
        num_nodes: How many nodes there are, not counting predecessors.
        num_ops_per_node: How many operations are summed up in a node.
        num_predecessors: How many inputs the cell has.
        merge_op: Whether the outputs of ``all`` nodes are concatenated, or only of those that no other takes
            (``loose_end``).
        preprocessor: A module or function from the list of inputs to a list of as many.
        postprocessor: A module or function of the concatenation and the list of inputs, whose result is the cell's.
        concat_dim: Along which dimension the nodes' outputs are concatenated.
        label: See above.

    Raises:
        SpaceError: An argument has no meaning, or a candidate is no module.
    """

    __jit_unused_properties__ = (*Mutable.__jit_unused_properties__, "output_node_indices")

    def __init__(
        self,
        op_candidates: Any,
        num_nodes: int,
        num_ops_per_node: int = 1,
        num_predecessors: int = 1,
        merge_op: str = "all",
        preprocessor: Callable[[list[torch.Tensor]], list[torch.Tensor]] | None = None,
        postprocessor: Callable[[torch.Tensor, list[torch.Tensor]], Any] | None = None,
        concat_dim: int = 1,
        *,
        label: str | None = None,
    ) -> None:
        super().__init__(label)
        counts = {"num_nodes": num_nodes, "num_ops_per_node": num_ops_per_node, "num_predecessors": num_predecessors}
        for name, number in counts.items():
            if number < 1:
                raise self._refuse(f"Cell has {name}={number}", fix="let it be at least 1")
        if merge_op not in ("all", "loose_end"):
            raise self._refuse(f"Cell has the merge_op {merge_op!r}", fix="use 'all' or 'loose_end'")
        self.preprocessor = preprocessor
        self.ops = torch.nn.ModuleList()
        self.inputs = torch.nn.ModuleList()
        self.postprocessor = postprocessor
        self.num_nodes = num_nodes
        self.num_ops_per_node = num_ops_per_node
        self.num_predecessors = num_predecessors
        self.merge_op = merge_op
        self.concat_dim = concat_dim
        candidates = self._read_candidates(op_candidates)
        for node in range(num_predecessors, num_predecessors + num_nodes):
            inputs = [self._make_input(node, operation) for operation in range(num_ops_per_node)]
            ops = [self._make_op(candidates, node, k, inputs[k]) for k in range(num_ops_per_node)]
            self.ops.append(torch.nn.ModuleList(ops))
            self.inputs.append(torch.nn.ModuleList(inputs))
        if merge_op == "loose_end":
            self.loose_ends = SelectInputs(self._are_loose(), "concat" if concat_dim == 1 else "none")

    def _read_candidates(self, given: Any) -> dict[str, Any]:
        if callable(given) and not isinstance(given, (torch.nn.Module, Mapping)):
            given = given()
        if isinstance(given, Mapping):
            return dict(given)
        if isinstance(given, torch.nn.Module) and not isinstance(given, torch.nn.ModuleList):
            raise self._refuse("Cell has one module as op_candidates", fix="give a list or a dict of modules")
        return {str(index): candidate for index, candidate in enumerate(given)}

    def _make_input(self, node: int, operation: int) -> InputChoice:
        return name_part(InputChoice(node), f"{self.identity}/input_{node}_{operation}")

    def _make_op(
        self, candidates: Mapping[str, Any], node: int, operation: int, choice: InputChoice
    ) -> torch.nn.Module:
        def make(index: int | None) -> LayerChoice:
            made = {name: self._make_candidate(c, node, operation, index) for name, c in candidates.items()}
            return name_part(LayerChoice(made), f"{self.identity}/op_{node}_{operation}")

        if _depend_on_input(candidates, node, operation):
            return OpPerInput([make(index) for index in range(node)], choice)
        return make(None)

    def _make_candidate(self, candidate: Any, node: int, operation: int, index: int | None) -> torch.nn.Module:
        made = copy.deepcopy(candidate) if isinstance(candidate, torch.nn.Module) else None
        if made is None and callable(candidate):
            made = candidate(node, operation, index)
        if not isinstance(made, torch.nn.Module):
            raise self._refuse(
                f"the candidate {candidate!r} of a cell makes {made!r}, which is no module",
                fix="give modules, or functions of (node, operation, index of the input) that make them",
            )
        return made

    def _are_loose(self) -> Iterable[Any]:
        """For each node, whether no later one takes its output."""
        end = self.num_predecessors + self.num_nodes
        for node in range(self.num_predecessors, end):
            takers = [(later, k) for later in range(node + 1, end) for k in range(self.num_ops_per_node)]
            taken = [contains(self._answer(later, k), node) for later, k in takers]
            yield apply("not", any_of(*taken)) if taken else True

    def _answer(self, node: int, operation: int) -> Chosen:
        return Chosen(Decision(f"{self.identity}/input_{node}_{operation}", tuple(range(node)), 1))

    @property
    def output_node_indices(self) -> list[int]:
        """The nodes whose outputs are concatenated: all of them, until the choices are made."""
        nodes = list(range(self.num_predecessors, self.num_predecessors + self.num_nodes))
        ends = self._modules.get("loose_ends")
        return [nodes[index] for index in ends.chosen] if isinstance(ends, ChosenInputs) else nodes

    def forward(self, *inputs: Any) -> Any:
        """Run the cell.

        Args:
            inputs: ``num_predecessors`` tensors, or one list of them.

        Returns:
            The concatenation of nodes' outputs, or what the postprocessor makes of it.

        Raises:
            SpaceError: There is another number of inputs.
        """
        given = list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else list(inputs)
        if len(given) != self.num_predecessors:
            raise self._refuse(
                f"a cell of {self.num_predecessors} predecessors is called with {len(given)} inputs",
                fix=f"call it with {self.num_predecessors} tensors, or a list of them",
            )
        states = list(given) if self.preprocessor is None else list(self.preprocessor(given))
        for ops, choices in zip(self.ops, self.inputs, strict=True):
            states.append(self._run_node(ops, choices, states))
        nodes = states[self.num_predecessors :]
        if self.merge_op == "all":
            merged = torch.cat(nodes, self.concat_dim)
        else:
            merged = self.loose_ends(nodes)
            merged = torch.cat(merged, self.concat_dim) if isinstance(merged, list) else merged
        return merged if self.postprocessor is None else self.postprocessor(merged, given)

    @staticmethod
    def _run_node(ops: Any, choices: Any, states: list[torch.Tensor]) -> Any:
        done = []
        for op, choice in zip(ops, choices, strict=True):
            done.append(op(states) if isinstance(op, OpPerInput) else op(choice(states)))
        return reduce(done, "sum")

    def extra_repr(self) -> str:
        return f"label={self.label!r}, merge_op={self.merge_op!r}"


class OpPerInput(Mutable):
    """An operation that is another one for each input it may take.

    Args:
        ops: The operation for each input.
        choice: Which input is taken.
    """

    def __init__(self, ops: Sequence[torch.nn.Module], choice: InputChoice) -> None:
        super().__init__(None)
        name_part(self, choice.identity)
        for index, op in enumerate(ops):
            self.add_module(str(index), op)
        self.choice = choice

    def live_when(self, child: str) -> Any:
        if not child.isdigit() or not isinstance(self.choice, InputChoice):
            return True
        return contains(self.choice.answer, int(child))

    def forward(self, states: Sequence[torch.Tensor]) -> Any:
        """Run the operation of the chosen input on it."""
        if isinstance(self.choice, ChosenInputs):
            (index,) = self.choice.chosen
            return self._modules[str(index)](states[index])  # type: ignore[misc]  # those of other inputs are gone
        return self.choice([self._modules[str(i)](state) for i, state in enumerate(states)])  # type: ignore[misc]


def _depend_on_input(candidates: Mapping[str, Any], node: int, operation: int) -> bool:
    """Whether a function among candidates makes another module for another input."""
    for candidate in candidates.values():
        if isinstance(candidate, torch.nn.Module) or not callable(candidate):
            continue
        try:
            with torch.device("meta"), torch.random.fork_rng(devices=()):
                made = [fingerprint(candidate(node, operation, index)) for index in (None, *range(node))]
        except Exception:  # it cannot do without knowing its input, or not on the meta device
            return True
        if any(each != made[0] for each in made):
            return True
    return False
