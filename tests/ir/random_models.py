"""Random models, random edits, and other ways to write the same model, for property tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from retix.errors import GraphError
from retix.ir import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    ClassSource,
    Constant,
    Function,
    Graph,
    If,
    LayerChoice,
    Location,
    Loop,
    Member,
    MemberOp,
    Model,
    Module,
    Mutation,
    Node,
    Open,
    SelectInputs,
    Symbol,
    Tensor,
    Value,
)

unhurried = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""For tests on random data: the same data in every run, and an example takes as long as the machine takes."""

FUNCTIONS = ("aten::neg", "aten::relu", "aten::view", "aten::cat", "python::add", "user::op")
OVERWRITING = ("aten::relu_", "aten::add_", "python::setitem", "python::append")
LAYERS = ("torch.nn.Linear", "torch.nn.ReLU", "torch.nn.Dropout", "torch.nn.Flatten", "user.Unit")
NAMES = ("x", "conv", "conv_1", "return", "for", "self", "blocks.0", "1st")

_CHOICE = {"choice": {"label": "a", "candidates": [1, 2]}}
ATOMS = (
    *(None, True, False, 0, 1, -7, 2**70, 0.0, -0.0, 1.0, 1e300, math.inf, -math.inf, math.nan, 3 - 4j),
    *(complex(math.nan, -0.0), "", "1", "input 0", "ß", ..., slice(None, 2), slice(0, None, -1)),
    *(Symbol("torch.float32"), Symbol("1"), Open(_CHOICE), Open({"apply": "mul", "to": [_CHOICE, {"value": 2}]})),
    *(Module("torch.nn.Identity"), Module("user.Config", (1,), {"a": [2]}, frozen=True)),
)
"""Literals without values in them, all of them different."""


class Dice(Random):
    """Random choices, and random literals."""

    def chance(self, one_in: int) -> bool:
        """True once in so many times."""
        return self.randrange(one_in) == 0

    def literal(self, *values: Value, depth: int = 2) -> Any:
        """An argument of any kind, nested; ``values`` may be in it."""
        if depth == 0 or self.chance(2):
            return self.choice(values) if values and self.chance(2) else self.choice(ATOMS)
        items = [self.literal(*values, depth=depth - 1) for _ in range(self.randrange(3))]
        kind = self.choice(["list", "tuple", "dict", "slice"])
        if kind == "slice":
            return slice(*self.sample([None, 1, 2, *values], 3))
        if kind == "dict":
            return dict(zip(self.sample(["a", "b", "value", 1, "1"], len(items)), items, strict=True))
        return items if kind == "list" else tuple(items)

    def keywords(self, *values: Value) -> dict[str, Any]:
        """None to two keyword arguments."""
        return {name: self.literal(*values) for name in ("dim", "other") if self.chance(3)}


dice = st.builds(Dice, st.integers(0, 2**32 - 1))
"""One seed for many choices: drawing each by itself would take most of the time, and a model shrinks by its sizes."""


@st.composite
def models(draw: Any) -> Model:
    """Valid models of several graphs, with every kind of member, node and literal, and all that goes with a model."""
    random, n_cells, n_steps = draw(dice), draw(st.integers(0, 3)), draw(st.integers(0, 7))
    graphs: list[Graph] = []
    for index in range(n_cells):
        graphs += _Builder(random, f"cell{index}", _called(graphs), random.randint(1, 2)).build(n_steps)
    graphs = _Builder(random, "net", _called(graphs), 1).build(n_steps) + graphs
    model = Model({graph.name: graph for graph in graphs}, "net")
    if random.chance(3):
        model.sources["Unit"] = ClassSource("Unit", "class Unit: ...", ("import torch",), ("Other",))
        model.ties, model.evaluator = (("a.weight", "b.weight"),), {"epochs": [1, None]}
        model.history = (Mutation("inline", (("a", random.choice([1, "x", (0, 1), 0.5])),)),)
    return model


def _called(graphs: list[Graph]) -> list[Graph]:
    """Those that may be called."""
    return [graph for graph in graphs if graph.region_of is None]


class _Builder:
    """Builds one graph and its branches."""

    def __init__(self, random: Dice, name: str, cells: list[Graph], n_inputs: int, owner: Graph | None = None) -> None:
        self.random = random
        self.cells = cells
        self.owner = owner
        self.graph = Graph(name, "Net", region_of=owner.name if owner is not None else None)
        if owner is not None:
            self.graph.attach(owner)
        self.branches: list[Graph] = []
        self.values = [self.graph.add_input("x") for _ in range(n_inputs)]

    def build(self, n_steps: int, n_results: int | None = None) -> list[Graph]:
        """The graph and its branches; with ``n_results``, a branch that returns as many."""
        kinds: list[Callable[[], Node]] = [self.leaf, self.again, self.function, self.function, self.tensor]
        kinds += [self.constant, self.training, self.choice, self.inputs, self.selection]
        kinds += [self.overwrite, self.overwriting_layer] if self.random.chance(2) else []
        kinds += [self.cell, self.cell] if self.cells else []
        kinds += [self.branch, self.loop] if self.owner is None else []
        for _ in range(n_steps):
            node = self.random.choice(kinds)()
            node.location = self.random.choice([None, Location("net.py", 7)])
            self.values += node.outputs
        self._note_types()
        if n_results is not None:
            self.graph.set_result(tuple(self.value() for _ in range(n_results)))
        else:
            self.graph.set_result(self.random.choice([self.values[-1], self.values, self.random.literal(*self.values)]))
        return [self.graph, *self.branches]

    def value(self) -> Value:
        """One of the values so far, mostly a late one, so that graphs are deep."""
        return self.values[-1] if self.random.chance(2) else self.random.choice(self.values)

    def name(self) -> str:
        return self.random.choice(NAMES)

    def member(self, op: Any) -> str:
        """A new member; sometimes one that nobody uses goes before."""
        if self.random.chance(9):
            self.graph.add_member("unused", Module("user.Unused"))
        return self.graph.add_member(self.name(), op, self.random.choice([None, "origin"]))

    def module(self) -> Module:
        args = tuple(self.random.literal() for _ in range(self.random.randrange(3)))
        state = self.random.choice([(), ("weight",)])
        return Module(self.random.choice(LAYERS), args, self.random.keywords(), state, self.random.chance(5))

    def leaf(self) -> Node:
        return self.graph.add(Call(self.member(self.module())), [self.value()], name=self.name())

    def again(self) -> Node:
        """A layer that is there already, called once more."""
        known = [name for name, member in self.graph.scope.members.items() if isinstance(member.op, Module)]
        return self.graph.add(Call(self.random.choice(known)), [self.value()]) if known else self.leaf()

    def cell(self) -> Node:
        cell = self.random.choice(self.cells)
        return self.graph.add(Call(self.member(Cell(cell.name))), [self.value() for _ in cell.inputs], name="cell")

    def choice(self) -> Node:
        fitting = [Cell(cell.name) for cell in self.cells if len(cell.inputs) == 1]
        parts: list[MemberOp] = [self.module(), *fitting]
        candidates = tuple((name, Member(self.random.choice(parts))) for name in "pq")
        weights = self.random.choice([None, (1.0, 2.0)])
        return self.graph.add(Call(self.member(LayerChoice("op", candidates, weights))), [self.value()], name="choice")

    def inputs(self) -> Node:
        reduction = self.random.choice(["sum", "mean", "concat", "none"])
        return self.graph.add(ChooseInputs("in", 2, 1, reduction), [[self.value(), self.value()]], name=self.name())

    def selection(self) -> Node:
        conditions = self.random.choice([(True, Open(_CHOICE)), (Open(_CHOICE), False), (True, True)])
        op = SelectInputs(conditions, self.random.choice(["sum", "mean", "concat", "none"]))
        return self.graph.add(op, [[self.value(), self.value()]], name=self.name())

    def tensor(self) -> Node:
        kind, size = self.random.choice(["parameter", "buffer", "constant"]), self.random.randint(1, 3)
        tensor = Tensor((size, 1), "torch.float32", Module("torch.ones", ((size, 1),)), kind)
        return self.graph.add(Attribute(self.member(tensor)), name=self.name())

    def training(self) -> Node:
        return self.graph.add(Attribute("training"), name="training")

    def constant(self) -> Node:
        return self.graph.add(Constant(), [self.random.literal(*self.values)], name="constant")

    def function(self) -> Node:
        args = [self.value(), *(self.random.literal(*self.values) for _ in range(self.random.randrange(3)))]
        function, kwargs = Function(self.random.choice(FUNCTIONS)), self.random.keywords(*self.values)
        return self.graph.add(function, args, kwargs, name=self.name(), n_outputs=self.random.randint(1, 2))

    def overwrite(self) -> Node:
        """An operator that changes a value in place; some have no result."""
        name = self.random.choice(OVERWRITING)
        return self.graph.add(Function(name), [self.value(), 1], n_outputs=int(name.startswith("aten")))

    def overwriting_layer(self) -> Node:
        return self.graph.add_module("relu", "torch.nn.ReLU", [self.value()], {"inplace": True})

    def branch(self) -> Node:
        names = [f"{self.graph.name}:{len(self.branches)}{side}" for side in ("then", "else")]
        taken = [self.value() for _ in range(self.random.randint(1, 2))]
        n_results = self.random.randint(1, 2)
        for name in names:
            self.branches += _Builder(self.random, name, self.cells, len(taken), self.graph).build(2, n_results)
        return self.graph.add(If(*names), [self.value(), *taken], name="if_", n_outputs=n_results)

    def loop(self) -> Node:
        name = f"{self.graph.name}:{len(self.branches)}body"
        self.branches += _Builder(self.random, name, self.cells, 3, self.graph).build(2, 2)
        return self.graph.add(Loop(name, 1), [3, True, self.value(), self.value()], name="loop")

    def _note_types(self) -> None:
        """What a trace leaves on values."""
        for value in self.random.sample(self.values, min(2, len(self.values))):
            value.variable, value.shape, value.dtype = "y", (2, 3), "torch.float32"


def values_of(graph: Graph) -> list[Value]:
    """Inputs and what nodes compute."""
    return [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]


@st.composite
def edits(draw: Any, model: Model) -> None:
    """Edit a model at random; what is refused is left out."""
    random = draw(dice)
    for _ in range(draw(st.integers(1, 5))):
        try:
            attempt_edit(model, random)
        except GraphError:
            continue


def attempt_edit(model: Model, random: Dice) -> None:
    """Try one edit by a call that is legal in itself, but perhaps not with these values, nodes and members.

    Raises:
        GraphError: It was refused.
    """
    graph = model.graph(random.choice(list(model.graphs)))
    foreign = model.graphs[random.choice(list(model.graphs))]
    node = random.choice([*graph.nodes, graph.result])
    value, other = random.choice(values_of(graph)), random.choice(values_of(graph))
    stranger = random.choice(values_of(foreign)) if random.chance(4) else other
    named = random.choice([*graph.scope.members, "nowhere"])
    layer = Module("torch.nn.Linear", (random.randrange(9),))
    function = Function(random.choice([*FUNCTIONS, *OVERWRITING]))
    calls_part = isinstance(node.op, Call) and not isinstance(node.operation, Module)
    actions: list[Callable[[], object]] = [
        lambda: graph.insert_on(stranger, "norm", "torch.nn.BatchNorm2d", {"num_features": 3}),
        lambda: graph.add(function, [value, stranger], {"dim": [other]}, before=node),
        lambda: graph.add(function, [value, random.literal(value, stranger)], after=node),
        lambda: graph.add(Call(named), [value], after=node) if _takes_anything(graph, named) else None,
        lambda: graph.add(Attribute(named), after=node),
        lambda: graph.add_module("fc", "torch.nn.Linear", [stranger], {"out_features": 2}, before=node),
        lambda: value.replace_by(stranger),
        lambda: node.replace_input(value, stranger),
        lambda: graph.erase(node, stranger),
        lambda: node.remove(),
        lambda: graph.rename(stranger, random.choice(NAMES)),
        lambda: node.update_operation(node.operation if calls_part else layer),
        lambda: node.update_operation(function) if isinstance(node.op, Function) else None,
        lambda: node.set_arguments([value, stranger], {"dim": 1}) if isinstance(node.op, Function) else None,
        lambda: graph.set_result(stranger) if graph.region_of is None else None,
        lambda: graph.add_member(random.choice(NAMES), layer),
        lambda: model.root.add_input("extra"),
    ]
    random.choice(actions)()


def _takes_anything(graph: Graph, name: str) -> bool:
    """Whether a call of the member with one value is right, or refused at once."""
    return name not in graph.scope.members or isinstance(graph.scope.members[name].op, (Module, Tensor))
