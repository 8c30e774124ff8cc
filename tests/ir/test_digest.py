"""The digest: equal for equal networks, different for different ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

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
    Member,
    MemberOp,
    Model,
    Module,
    Tensor,
    Value,
)
from tests.ir.models import make_chain, make_function, make_if_model, make_model, make_rich_model

LINEAR = Module("torch.nn.Linear", (8, 8))


def build(steps: Callable[[Graph, Value], object], members: Iterable[str] = ("a", "b")) -> Model:
    """A model of one input whose members are equal layers and whose result is what ``steps`` returns."""
    graph, (x,) = make_function("net")
    for name in members:
        graph.add_member(name, LINEAR)
    graph.set_result(steps(graph, x))
    return make_model(graph)


def call(graph: Graph, name: str, value: Value) -> Value:
    """Call a member."""
    return graph.add(Call(name), [value], name=name).output


def apply(graph: Graph, name: str, *args: object, **kwargs: object) -> Value:
    """Apply an operator."""
    return graph.add(Function(f"aten::{name}"), args, kwargs, name=name).output


def reordered(graph: Graph, x: Value) -> Value:
    """Two calls in the other order than they are added up."""
    b = call(graph, "b", x)
    return apply(graph, "add", call(graph, "a", x), b)


def with_dead(graph: Graph, x: Value) -> Value:
    """A sum beside which dead nodes run."""
    y = apply(graph, "add", call(graph, "a", x), call(graph, "b", x))
    apply(graph, "relu", call(graph, "b", y))
    graph.add_module("dead", "torch.nn.ReLU", [call(graph, "a", x)], {"inplace": True})
    return y


def by_keyword(*names: str) -> Callable[[Graph, Value], Value]:
    """An operator whose keyword arguments are two calls, made and written in the order of ``names``."""
    return lambda graph, x: apply(graph, "f", **{name: apply(graph, name, x) for name in names})


SUM: Callable[[Graph, Value], object] = lambda g, x: apply(g, "add", call(g, "a", x), call(g, "b", x))  # noqa: E731  # a table of small graphs

EQUAL: dict[str, tuple[Model, Model]] = {
    "order of independent nodes": (build(SUM), build(reordered)),
    "dead nodes and members": (build(SUM), build(with_dead, ("a", "b"))),
    "names of members": (
        build(SUM),
        build(lambda g, x: apply(g, "add", call(g, "q", x), call(g, "p", x)), ("p", "unused", "q")),
    ),
    "which of two equal members comes first": (
        build(SUM),
        build(lambda g, x: apply(g, "add", call(g, "b", x), call(g, "a", x))),
    ),
    "order of keyword arguments": (build(by_keyword("p", "q")), build(by_keyword("q", "p"))),
    "order of a dict": (build(lambda g, x: {"p": x, "q": 1}), build(lambda g, x: {"q": 1, "p": x})),
    "order of the keys 1 and '1'": (build(lambda g, x: {1: x, "1": 0}), build(lambda g, x: {"1": 0, 1: x})),
    "order of a dict of calls": (
        build(lambda g, x: {"p": call(g, "a", x), "q": apply(g, "neg", x)}),
        build(lambda g, x: {"q": apply(g, "neg", x), "p": call(g, "a", x)}),
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_networks(name: str) -> None:
    """What does not change what is computed does not change the digest."""
    left, right = EQUAL[name]
    assert left.digest() == right.digest()


DIFFERENT: dict[str, tuple[Callable[[Graph, Value], object], Callable[[Graph, Value], object]]] = {
    "sharing": (SUM, lambda g, x: apply(g, "add", call(g, "a", x), call(g, "a", x))),
    "one call twice": (
        lambda g, x: apply(g, "add", *[call(g, "a", x)] * 2),
        lambda g, x: apply(g, "add", call(g, "a", x), call(g, "a", x)),
    ),
    "sharing later": (
        lambda g, x: call(g, "a", call(g, "b", call(g, "a", x))),
        lambda g, x: call(g, "b", call(g, "b", call(g, "a", x))),
    ),
    "argument order": (
        lambda g, x: apply(g, "sub", x, call(g, "a", x)),
        lambda g, x: apply(g, "sub", call(g, "a", x), x),
    ),
    "operator": (lambda g, x: apply(g, "neg", x), lambda g, x: apply(g, "abs", x)),
    "int and float": (lambda g, x: [x, 1], lambda g, x: [x, 1.0]),
    "int and bool": (lambda g, x: [x, 1], lambda g, x: [x, True]),
    "int and string": (lambda g, x: [x, 1], lambda g, x: [x, "1"]),
    "zeros": (lambda g, x: [x, 0.0], lambda g, x: [x, -0.0]),
    "infinities": (lambda g, x: [x, float("inf")], lambda g, x: [x, float("-inf")]),
    "list and tuple": (lambda g, x: [[1], x], lambda g, x: [(1,), x]),
    "nesting": (lambda g, x: [[1, 2], 3], lambda g, x: [[1], 2, 3]),
    "value and look-alike": (lambda g, x: x, lambda g, x: {"value": "input 0"}),
    "keys of a dict": (lambda g, x: {1: x}, lambda g, x: {"1": x}),
    "keyword value": (lambda g, x: apply(g, "f", x, dim=1), lambda g, x: apply(g, "f", x, dim=2)),
    "keyword or position": (lambda g, x: apply(g, "f", x, 1), lambda g, x: apply(g, "f", x, dim=1)),
    "constant": (lambda g, x: g.add(Constant(), [x]).output, lambda g, x: x),
    "result": (lambda g, x: call(g, "a", x), lambda g, x: (call(g, "a", x),)),
    "effect on the input": (lambda g, x: x, lambda g, x: [apply(g, "relu_", x), x][1]),
    "order of effects": (
        lambda g, x: [apply(g, "add_", x, 1), apply(g, "mul_", x, 2), x],
        lambda g, x: [*reversed([apply(g, "mul_", x, 2), apply(g, "add_", x, 1)]), x],
    ),
    "training": (lambda g, x: [x, g.add(Attribute("training")).output], lambda g, x: [x, True]),
    "open choice": (
        lambda g, x: g.add(ChooseInputs("a", 2), [[x, 1]]).output,
        lambda g, x: g.add(ChooseInputs("b", 2), [[x, 1]]).output,
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_networks(name: str) -> None:
    """Any real change changes the digest."""
    left, right = DIFFERENT[name]
    assert build(left).digest() != build(right).digest()


MEMBERS: list[MemberOp] = [
    LINEAR,
    Module("torch.nn.Linear", (8, 9)),
    Module("torch.nn.Linear", (8,), {"out_features": 8}),
    Module("torch.nn.Linear", (8, 8), {"bias": False}),
    Module("torch.nn.Bilinear", (8, 8)),
    Module("torch.nn.Linear", (8, LINEAR)),
    Cell("cell"),
    Cell("other"),
    LayerChoice("x", (("a", Member(LINEAR)),)),
    LayerChoice("y", (("a", Member(LINEAR)),)),
    LayerChoice("x", (("b", Member(LINEAR)),)),
    LayerChoice("x", (("a", Member(Cell("cell"))),)),
    LayerChoice("x", (("a", Member(Cell("other"))),)),
]


def test_members_tell_networks_apart() -> None:
    """Each kind of member, its arguments and its sub-graph count; where it comes from does not."""
    digests = []
    for member in MEMBERS:
        model = build(lambda g, x: call(g, "a", x))
        model.graphs["cell"], model.graphs["other"] = make_chain("ReLU", name="cell"), make_chain("ELU", name="other")
        model.root.members["a"] = Member(member)
        digests.append(model.digest())
        model.root.members["a"] = Member(member, "somewhere.else")
        assert model.digest() == digests[-1]
    assert len(set(digests)) == len(MEMBERS)


def test_state_names_do_not_count() -> None:
    """The names of a leaf's parameters in the base model are labels."""
    model = build(lambda g, x: call(g, "a", x))
    digest = model.digest()
    model.root.members["a"] = Member(replace(LINEAR, state=("weight", "bias")))
    assert model.digest() == digest


def test_tensors_tell_networks_apart() -> None:
    """Shape, type, beginning, kind and whether it is trained count."""
    ones, zeros = Module("torch.ones", ((3,),)), Module("torch.zeros", ((3,),))
    tensor = Tensor((3,), "torch.float32", ones)
    kinds = [
        tensor,
        replace(tensor, shape=(4,)),
        replace(tensor, dtype="torch.float64"),
        replace(tensor, init=zeros),
        replace(tensor, kind="buffer"),
        replace(tensor, requires_grad=False),
    ]
    digests = set()
    for op in kinds:
        graph, (x,) = make_function("net")
        graph.add_member("scale", op)
        graph.set_result(apply(graph, "mul", x, graph.add(Attribute("scale")).output))
        digests.add(make_model(graph).digest())
    assert len(digests) == len(kinds)


def test_names_of_graphs_do_not_count() -> None:
    """Cells are told apart by what they compute, and branches too."""
    digests = set()
    for name in ("cell", "block"):
        root = make_chain("Conv2d", name="net" if name == "cell" else "root")
        root.members["conv2d"] = Member(Cell(name))
        digests.add(make_model(root, make_chain("ReLU", name=name)).digest())
    assert len(digests) == 1


def test_equal_cells_are_equal_networks() -> None:
    """Two graphs of equal content are as good as one graph used twice; whether instances are shared counts."""
    digests = []
    for first, second in (("p", "p"), ("p", "q")):
        model = build(SUM)
        model.graphs.update({name: make_chain("Linear", name=name) for name in ("p", "q")})
        model.root.members.update(a=Member(Cell(first)), b=Member(Cell(second)))
        digests.append(model.digest())
    assert digests[0] == digests[1]


def rename_members(model: Model, names: dict[str, str]) -> Model:
    """The model with other names for the members of its root."""
    data = model.to_json()
    for graph in data["graphs"]:
        graph["members"] = [[names[name], member] for name, member in graph["members"]]
        for node in graph["nodes"]:
            if "target" in node["op"]:
                node["op"]["target"] = names.get(node["op"]["target"], node["op"]["target"])
    return Model.from_json(data)


def test_branches_share_members_with_the_graph_around_them() -> None:
    """In branches, names of members do not count, and which member is shared does."""
    model = make_if_model()
    digest = model.digest()
    assert rename_members(model, {"conv": "first", "fc": "last"}).digest() == digest
    twin = make_if_model()
    twin.root.members["other"] = twin.root.members["conv"]
    (branch_call,) = twin.graph("net:then").nodes
    assert twin.digest() == digest
    branch_call.update_operation(Call("other"))
    assert twin.digest() != digest


def test_sides_of_a_branch_count() -> None:
    """Exchanging the branches is another network."""
    model = make_if_model()
    digest = model.digest()
    model.root.node("chosen").update_operation(If("net:else", "net:then"))
    assert model.digest() != digest


def test_sources_and_ties_count() -> None:
    """Users' classes count by their text, tied parameters by their groups."""
    models = [make_model(make_chain("ReLU")) for _ in range(5)]
    models[1].sources["Unit"] = ClassSource("Unit", "class Unit: ...")
    models[2].sources["Unit"] = ClassSource("Unit", "class Unit: pass")
    models[3].sources["Unit"] = ClassSource("Unit", "class Unit: pass", ("import torch",))
    models[4].ties = (("a.weight", "b.weight"),)
    assert len({model.digest() for model in models}) == 5


def test_edit_between_digest_and_fork() -> None:
    """A digest taken before an edit does not stick to the graph when a fork freezes it."""
    model = make_model(make_chain("Conv2d", "ReLU"))
    before = model.digest()
    model.root.node("relu").update_operation("torch.nn.ELU")
    fork = model.fork()
    assert fork.digest() == model.digest() != before


def test_frozen_graph_around_edited_cell() -> None:
    """A shared graph is digested anew where a cell that it calls has got an effect that pins its order."""
    graph, (x,) = make_function("net")
    graph.add_member("cell", Cell("cell"))
    call(graph, "cell", x)
    graph.set_result(apply(graph, "neg", x))
    cell, (y,) = make_function("cell")
    cell.set_result(apply(cell, "abs", y))
    model = make_model(graph, cell)
    before = model.fork().digest()
    fork = model.fork()
    inner = fork.graph("cell")
    inner.set_result(apply(inner, "relu_", inner.inputs[0]))
    assert fork.graphs["net"].frozen
    assert fork.digest() == Model.from_json(fork.to_json()).digest() != before
    assert model.digest() == before


def test_frozen_branch_of_edited_owner() -> None:
    """A branch that nobody edited is digested anew where a member that it uses has changed."""
    model = make_if_model()
    before = model.fork().digest()
    fork = model.fork()
    fork.root.members["fc"] = Member(Module("torch.nn.Linear", (1, 1)))
    assert fork.digest() == Model.from_json(fork.to_json()).digest() != before


def test_frozen_owner_of_a_branch_that_was_replaced() -> None:
    """A shared graph is digested anew where one of its branches is another graph."""
    model = make_if_model()
    before = model.fork().digest()
    fork = model.fork()
    branch = Graph("net:then", "Net", region_of="net")
    branch.set_result((branch.add_input("y"),))
    fork.graphs["net:then"] = branch
    assert fork.graphs["net"].frozen
    assert fork.digest() == fork.copy().digest() != before
    assert model.digest() == before


def test_frozen_branch_in_another_graph() -> None:
    """What is known of a shared branch holds within the graph whose members it uses, and not within another."""
    model = make_if_model()
    model.digest()
    fork = model.fork()
    fork.digest()
    owner = model.graphs["net"].copy()
    owner.members["conv"] = Member(Module("torch.nn.ReLU", (True,)))
    fork.graphs["net"] = owner
    assert fork.digest() == Model.from_json(fork.to_json()).digest() != model.digest()
    fork.graphs["net"].freeze()
    assert fork.digest() == Model.from_json(fork.to_json()).digest()


def test_branch_within_itself() -> None:
    """A branch that runs itself is refused, not followed for ever."""
    model = make_if_model()
    branch = model.graph("net:then")
    branch.set_result((branch.add(If("net:then", "net:then"), [True, branch.inputs[0]]).output,))
    with pytest.raises(GraphError, match="graph 'net:then' contains itself"):
        model.digest()


def test_part_of_a_cell() -> None:
    """A parameter that a graph shares with a cell is another one than a parameter of its own."""
    digests = set()
    for name in ("cell.scale", "scale"):
        model = build(lambda g, x: call(g, "a", x))
        tensor = Member(Tensor((3,), "torch.float32", Module("torch.ones", ((3,),))))
        model.graphs["cell"] = make_chain("ReLU", name="cell")
        model.graphs["cell"].members["scale"] = tensor
        model.root.members.update({"cell": Member(Cell("cell")), name: tensor})
        result = apply(model.root, "mul", model.root.inputs[0], model.root.add(Attribute(name)).output)
        model.root.set_result((result, call(model.root, "cell", result)))
        digests.add(model.digest())
    assert len(digests) == 2


def test_digest_is_stable() -> None:
    """Digests are kept in stores, so they must not change from one release to the next without a reason."""
    assert make_model(make_chain("Conv2d", "ReLU")).digest() == "1f89305113db1d580c1e96efad50e526"
    assert len(make_rich_model().digest()) == 32


def test_graph_within_itself() -> None:
    """A graph that contains itself is refused, not followed for ever."""
    graph = make_chain("ReLU")
    graph.members["relu"] = Member(Cell("net"))
    with pytest.raises(GraphError, match="graph 'net' contains itself"):
        make_model(graph).digest()
