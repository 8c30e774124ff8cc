"""When the parts of one graph with choices matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from retix.ir import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Graph,
    If,
    LayerChoice,
    Loop,
    MemberOp,
    Node,
    Open,
    SelectInputs,
    Value,
    find_values,
)
from retix.mutation.open_choices import decision_of, find_open, text_of
from retix.space import Proposition

if TYPE_CHECKING:
    from retix.mutation.liveness import Liveness


class GraphLiveness:
    """Says of one graph with choices when its nodes, inputs and members matter."""

    def __init__(self, liveness: Liveness, graph: Graph) -> None:
        self.liveness = liveness
        self.network = liveness.network
        self.graph = graph
        self.scope = liveness.scope(graph)
        self.runs = liveness.runs[graph.name]
        # of each bit of what is certain: its proposition, and what is certain with it
        self.bits: list[tuple[Proposition, int]] = []

    def compile(self) -> None:
        """Fill in what the liveness holds of the graph."""
        network, liveness = self.network, self.liveness
        used = tuple(network.any() for _ in self.graph.inputs)
        liveness.inputs[self.graph.name] = used
        for value, proposition in zip(self.graph.inputs, used, strict=True):
            self._define(value, proposition, 0)
        for node in self.graph.nodes:
            proposition = liveness.nodes[node] = network.any()
            certain = self._compile_node(node, proposition)
            for value in node.outputs:
                if value not in liveness.demands:
                    self._define(value, proposition, certain)
        self._need(self.graph.result.args, self.runs)
        if self.graph.region_of is None:
            self._demand(find_values(self.graph.result.args), self.runs)
        for value in find_values(self.graph.result.args):
            liveness.takers[(self.graph.result, value)] = [self.runs]

    def _define(self, value: Value, proposition: Proposition, certain: int) -> None:
        """Say when a value matters, and what does then for certain: itself and ``certain``."""
        certain |= 1 << len(self.bits)
        self.bits.append((proposition, certain))
        self.liveness.demands[value] = proposition
        self.liveness.certain[value] = certain

    def _demand(self, values: Iterable[Value], when: Proposition) -> int:
        """Let values matter once ``when`` is true; return what matters then for certain."""
        certain = 0
        for value in values:
            self.network.imply(when, self.liveness.demands[value])
            certain |= self.liveness.certain[value]
        return certain

    def _demand_common(self, groups: Iterable[int], when: Proposition) -> int:
        """Let what is certain in each of ``groups`` matter once ``when`` is true, as one of them is bound to."""
        common = -1
        for certain in groups:
            common &= certain
        left = common = max(common, 0)
        while left:
            proposition, certain = self.bits[left.bit_length() - 1]
            self.network.imply(when, proposition)
            left &= ~certain
        return common

    def _need(self, argument: Any, when: Proposition) -> None:
        for item in find_open(argument):
            self.network.need(self.liveness.read(item), when, text_of)

    def _compile_node(self, node: Node, here: Proposition) -> int:
        if isinstance(node.op, ChooseInputs):
            return self._compile_choice(node, node.op, here)
        if isinstance(node.op, SelectInputs):
            return self._compile_selection(node, node.op, here)
        if isinstance(node.op, Call):
            return self._compile_call(node, node.op.target, here)
        self._need((node.args, node.kwargs), here)
        if isinstance(node.op, If):
            if _is_static(node.args[0]):
                return self._compile_static_branch(node, node.op, here)
            return self._compile_branch(node, node.op, here)
        if isinstance(node.op, Attribute):
            self._use_member(node.op.target, here)
        elif isinstance(node.op, Loop):
            body = self.liveness.runs[node.op.body]
            self.network.imply(here, body)
            self._demand_results(node.op.body, body)
        return self._demand_all(node, here)

    def _demand_all(self, node: Node, here: Proposition) -> int:
        values = tuple(dict.fromkeys(find_values((node.args, node.kwargs))))
        for value in values:
            self._take(node, value, here)
        return self._demand(values, here)

    def _take(self, node: Node, value: Value, when: Proposition) -> None:
        self.liveness.takers.setdefault((node, value), []).append(when)

    def _compile_choice(self, node: Node, op: ChooseInputs, here: Proposition) -> int:
        question = self.network.question(decision_of(op))
        self.network.imply(here, question.asked)
        groups = []
        items = node.args[0]
        takes_all = op.n_chosen == op.n_candidates or op.n_candidates == 1
        certain = 0
        for index, item in enumerate(items):
            taken = here if takes_all else self.network.every(here, self.network.includes(op.label, index))
            self._need(item, taken)
            values = tuple(dict.fromkeys(find_values(item)))
            for value in values:
                self._take(node, value, taken)
            groups.append(self._demand(values, taken))
            if takes_all:
                certain |= groups[-1]
        return certain if takes_all else self._demand_common(groups, here)

    def _compile_selection(self, node: Node, op: SelectInputs, here: Proposition) -> int:
        groups, certain = [], 0
        for condition, item in zip(op.conditions, node.args[0], strict=True):
            if isinstance(condition, Open):
                expression = self.liveness.read(condition)
                taken = self.network.every(here, self.network.truth(expression, True, here, text_of))
            elif condition:
                taken = here
            else:
                continue
            self._need(item, taken)
            values = tuple(dict.fromkeys(find_values(item)))
            for value in values:
                self._take(node, value, taken)
            groups.append(self._demand(values, taken))
            if taken == here:
                certain |= groups[-1]
        return certain | self._demand_common(groups, here) if op.reduction == "one" and groups else certain

    def _compile_branch(self, node: Node, op: If, here: Proposition) -> int:
        """Branches by a value: both are part of the network."""
        condition = tuple(find_values(node.args[0]))
        certain = self._demand(condition, here)
        for value in condition:
            self._take(node, value, here)
        for name in (op.then, op.otherwise):
            self.network.imply(here, self.liveness.runs[name])
            if name in self.liveness.closed:
                for index in self.liveness.closed[name]:
                    certain |= self._demand_argument(node, node.args[index + 1], here)
                continue
            self._demand_results(name, self.liveness.runs[name])
            certain |= self._pass_inputs(node, name, here, self._certain_inputs(name))
        return certain

    def _compile_static_branch(self, node: Node, op: If, here: Proposition) -> int:
        """Branches by a choice: the one that is taken is written in place, and only what is used of it."""
        condition = node.args[0]
        expression = self.liveness.read(condition) if isinstance(condition, Open) else condition
        demands = [self.network.any() for _ in node.outputs]
        for proposition in demands:
            self.network.imply(proposition, here)
        taken = [self.network.truth(expression, holds, here, text_of) for holds in (True, False)]
        per_output: list[list[int]] = [[] for _ in node.outputs]
        for name, holds in zip((op.then, op.otherwise), taken, strict=True):
            branch = self.network.every(here, holds)
            self.network.imply(branch, self.liveness.runs[name])
            region = self.liveness.model.graphs[name]
            if name not in self.liveness.closed:
                self._pass_inputs(node, name, branch, frozenset())
            else:
                for index in self.liveness.closed[name]:
                    self._demand_argument(node, node.args[index + 1], branch)
            for demand, result, groups in zip(demands, _results(region), per_output, strict=True):
                values = tuple(find_values(result))
                if name not in self.liveness.closed:
                    for value in values:
                        self.network.imply(self.network.every(demand, holds), self.liveness.demands[value])
                groups.append(self._lead_out(node, region, values))
        for value, demand, groups in zip(node.outputs, demands, per_output, strict=True):
            self._define(value, demand, self._demand_common(groups, demand))
        return 0

    def _lead_out(self, node: Node, region: Graph, values: Iterable[Value]) -> int:
        """What is certain outside of a branch if ``values`` matter in it."""
        certain = 0
        if region.name in self.liveness.closed:
            return certain
        inside = 0
        for value in values:
            inside |= self.liveness.certain[value]
        for index in range(len(region.inputs)):
            if inside >> index & 1:
                for value in find_values(node.args[index + 1]):
                    certain |= self.liveness.certain[value]
        return certain

    def _demand_results(self, name: str, when: Proposition) -> None:
        """All that a branch returns is needed once it runs."""
        if name not in self.liveness.closed:
            for value in find_values(self.liveness.model.graphs[name].result.args):
                self.network.imply(when, self.liveness.demands[value])

    def _certain_inputs(self, name: str) -> frozenset[int]:
        """The inputs that a graph uses whatever is chosen."""
        if name in self.liveness.closed:
            return self.liveness.closed[name]
        graph = self.liveness.model.graphs[name]
        certain = 0
        for value in find_values(graph.result.args):
            certain |= self.liveness.certain[value]
        return frozenset(index for index in range(len(graph.inputs)) if certain >> index & 1)

    def _pass_inputs(self, node: Node, name: str, here: Proposition, certain: frozenset[int]) -> int:
        """Let the arguments of a branch matter as far as the branch uses them."""
        found = 0
        for index, used in enumerate(self.liveness.inputs[name]):
            if index in certain:
                found |= self._demand_argument(node, node.args[index + 1], here)
            else:
                self._demand_argument(node, node.args[index + 1], self.network.every(here, used))
        return found

    def _demand_argument(self, node: Node, argument: Any, when: Proposition) -> int:
        values = tuple(dict.fromkeys(find_values(argument)))
        for value in values:
            self._take(node, value, when)
        return self._demand(values, when)

    def _compile_call(self, node: Node, target: str, here: Proposition) -> int:
        self._use_member(target, here)
        leaves = list(self._find_leaves(self.scope.members[target].op, here))
        keywords = tuple(node.kwargs.values())
        self._need(keywords, here)
        certain = self._demand_argument(node, keywords, here)
        for index, argument in enumerate(node.args):
            if all(graph is None or index in self._certain_inputs(graph) for _, graph in leaves):
                self._need(argument, here)
                certain |= self._demand_argument(node, argument, here)
                continue
            for when, graph in leaves:
                if graph is None or index in self._certain_inputs(graph):
                    used = when
                elif graph in self.liveness.closed or index >= len(self.liveness.inputs[graph]):
                    continue
                else:
                    used = self.network.every(when, self.liveness.inputs[graph][index])
                self._need(argument, used)
                self._demand_argument(node, argument, used)
        return certain

    def _find_leaves(self, op: MemberOp, when: Proposition) -> Iterator[tuple[Proposition, str | None]]:
        """What a call may run: when, and the graph, or None for a leaf."""
        if isinstance(op, LayerChoice):
            for name, candidate in op.candidates:
                chosen = self.network.answer_is(op.label, name)
                yield from self._find_leaves(candidate.op, self.network.every(when, chosen))
        else:
            yield when, op.graph if isinstance(op, Cell) else None

    def _use_member(self, target: str, when: Proposition) -> None:
        """Let a member matter; a part of a cell brings the cell."""
        if target not in self.scope.members:
            return  # `training`
        key = (self.scope.name, target)
        if key not in self.liveness.members:
            self.liveness.members[key] = self.network.any()
            self._expand(self.scope.members[target].op, self.liveness.members[key])
            cell = self.scope.find_cell(target)
            if cell is not None:
                self._use_member(cell[0], self.liveness.members[key])
        self.network.imply(when, self.liveness.members[key])

    def _expand(self, op: MemberOp, when: Proposition) -> None:
        if isinstance(op, LayerChoice):
            self.network.imply(when, self.network.question(decision_of(op)).asked)
            for name, candidate in op.candidates:
                self._expand(candidate.op, self.network.every(when, self.network.answer_is(op.label, name)))
        elif isinstance(op, Cell):
            self.network.imply(when, self.liveness.runs[op.graph])
        else:
            self._need(op, when)


def _results(region: Graph) -> tuple[Any, ...]:
    """What a branch returns, one by one."""
    result = region.result.args[0]
    return result if isinstance(result, tuple) else (result,)


def _is_static(condition: Any) -> bool:
    return isinstance(condition, (Open, bool))
