"""The rules of the IR: each is broken once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retix.errors import GraphError
from retix.ir import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Function,
    Graph,
    If,
    LayerChoice,
    Loop,
    Member,
    Model,
    Module,
    Return,
    SelectInputs,
    Tensor,
    find_violations,
)
from tests.ir.models import make_chain, make_if_model, make_model, make_rich_model


def test_valid_models_have_no_violations() -> None:
    """Models with every kind of node keep every rule."""
    assert find_violations(make_rich_model()) == []
    make_if_model().verify()


def break_by(**attributes: Any) -> Callable[[Model], None]:
    """Sets attributes of the root's first node, past the editing calls."""

    def edit(model: Model) -> None:
        for name, value in attributes.items():
            setattr(next(iter(model.root.nodes)), name, value)

    return edit


def take_out_input(model: Model) -> None:
    """The input is no longer the graph's."""
    model.root.inputs = ()


def put_member(op: Any) -> Callable[[Model], None]:
    """Gives the root's first layer another op."""
    return lambda model: model.root.members.update(conv2d=Member(op))


def put_cell(**graphs: Graph) -> Callable[[Model], None]:
    """Makes the root's first layer an instance of ``cell``."""

    def edit(model: Model) -> None:
        model.graphs.update(graphs)
        model.root.members["conv2d"] = Member(Cell("cell"))

    return edit


def rename_node(model: Model) -> None:
    """Two nodes of one name."""
    model.root.node("relu").name = "conv2d"


def rename_value(model: Model) -> None:
    """Two values of one name."""
    model.root.node("relu").output.name = "x"


def lose_use(model: Model) -> None:
    """A value forgets who takes it."""
    model.root.inputs[0]._uses.clear()


def forge_producer(model: Model) -> None:
    """A value names another producer."""
    model.root.node("relu").output.producer = model.root.node("conv2d")


def return_nothing(model: Model) -> None:
    """A return without an argument."""
    model.root.result.args = ()


def two_inputs() -> Graph:
    """A cell that takes two values."""
    cell = make_chain("Linear", name="cell")
    cell.add_input("mask")
    return cell


def add_branch(model: Model) -> None:
    """A branch of a graph that does not exist."""
    model.graphs["lost"] = Graph("lost", "Net", region_of="nowhere")


def call_by_keyword(model: Model) -> None:
    """A cell is called with a keyword argument."""
    put_cell(cell=make_chain("Linear", name="cell"))(model)
    node = next(iter(model.root.nodes))
    node.set_arguments(node.args, {"a": 1})


def contain_itself(model: Model) -> None:
    """Two graphs that call each other."""
    cell = make_chain("Linear", name="cell")
    cell.members["linear"] = Member(Cell("net"))
    put_cell(cell=cell)(model)


def select(given: Any, *conditions: Any, reduction: str = "sum") -> Callable[[Model], Any]:
    """Adds a selection of inputs."""
    return lambda model: model.root.add(SelectInputs(conditions, reduction), [given])


TENSOR = Tensor((1,), "torch.float32", Module("torch.ones", (1,)))
CHOOSE = ChooseInputs("c", 2)

VIOLATIONS: list[tuple[Callable[[Model], Any], str]] = [
    (lambda m: setattr(m, "root_name", "nope"), "nope: the root graph does not exist"),
    (lambda m: setattr(m.root, "region_of", "net"), "net: it is the root, and a branch"),
    (lambda m: m.graphs.update(other=make_chain("ReLU")), "other: it is called 'net' itself"),
    (add_branch, "lost: it is a branch in 'nowhere', which does not exist"),
    (take_out_input, "net, node conv2d: it takes %x, which is not computed before it in this graph"),
    (break_by(graph=make_chain()), "net, node conv2d: it belongs to another graph"),
    (rename_node, "net, node conv2d: another node has its name"),
    (break_by(name="a.b"), "net, node a.b: its name is no identifier"),
    (rename_value, "net, node relu: the name of %x is taken twice"),
    (lambda m: setattr(m.root.inputs[0], "name", "a b"), "net: the name of %a b is no identifier"),
    (forge_producer, "net, node relu: %relu does not know that it is computed here"),
    (lose_use, "net: %x does not know exactly the nodes that take it"),
    (lambda m: m.root.add(Constant(), [object]), "net, node x: its arguments hold <class 'object'> of type type"),
    (lambda m: m.root.add(Constant(), [{(1, 2): 3}]), "net, node x: its arguments hold the dict key (1, 2)"),
    (lambda m: m.root.add(Constant(), [1, 2]), "net, node x: it takes exactly one argument, not 2"),
    (return_nothing, "net, node return: it takes exactly one argument, not 0"),
    (lambda m: setattr(m.root.result, "op", Constant()), "net, node return: a graph returns once, at its end"),
    (break_by(op=Return()), "net, node conv2d: a graph returns once, at its end"),
    (break_by(op=Call("nope")), "net, node conv2d: it calls the member 'nope', which does not exist"),
    (put_member(TENSOR), "net, node conv2d: it calls 'conv2d', which is a parameter"),
    (break_by(op=Attribute("relu")), "net, node conv2d: it reads 'relu', which is no parameter or buffer"),
    (put_cell(), "net: member 'conv2d': its graph 'cell' does not exist"),
    (put_cell(cell=Graph("cell", "Net", region_of="net")), "'conv2d': its graph 'cell' is a branch of another graph"),
    (put_cell(cell=two_inputs()), "net, node conv2d: it gives 1 values to 'cell', which takes 2"),
    (call_by_keyword, "net, node conv2d: it gives keyword arguments to 'cell', which takes none"),
    (contain_itself, "net: it contains itself"),
    (put_member(Module("torch.nn.ReLU", (object,))), "net: member 'conv2d': its arguments hold <class 'object'>"),
    (
        lambda m: put_member(Module("A", (m.root.inputs[0],)))(m),
        "its arguments hold values, which are known in forward",
    ),
    (put_member(Tensor((1,), "f", Module("A", (object,)))), "member 'conv2d': its arguments hold <class 'object'>"),
    (put_member(LayerChoice("l", ())), "net: member 'conv2d': the choice 'l' has no candidates"),
    (put_member(LayerChoice("l", (("a", Member(Cell("no"))),))), "candidate 'a': its graph 'no' does not exist"),
    (put_member(LayerChoice("l", (("a", Member(TENSOR)),) * 2)), "two candidates of the choice 'l' have the same name"),
    (put_member(LayerChoice("l", (("a", Member(TENSOR)),), (1.0, 2.0))), "'l' has 2 weights for 1 candidates"),
    (lambda m: m.root.add(CHOOSE, [[1]]), "net, node x: it chooses among 2 inputs and is given [1]"),
    (lambda m: m.root.add(CHOOSE), "net, node x: it chooses among 2 inputs and is given None"),
    (lambda m: m.root.add(ChooseInputs("c", 1, 2), [[1]]), "net, node x: it chooses 2 of 1 inputs"),
    (lambda m: m.root.add(ChooseInputs("c", 1, 1, "max"), [[1]]), "net, node x: its reduction 'max' is none of sum"),
    (select([1], True, False), "net, node x: it has 2 conditions and is given [1]"),
    (select([1], 1), "net, node x: its condition 1 is neither a boolean nor an expression"),
    (select([1, 2], False, False), "net, node x: none of its conditions can hold"),
    (select([1, 2], True, True, reduction="one"), "net, node x: it takes exactly one input, and several"),
    (select([1], True, reduction="max"), "net, node x: its reduction 'max' is none of sum"),
]


@pytest.mark.parametrize(("edit", "message"), VIOLATIONS, ids=[message for _, message in VIOLATIONS])
def test_each_rule_is_checked(edit: Callable[[Model], Any], message: str) -> None:
    """A broken rule is reported with the graph, the node and what is wrong, and verify raises."""
    model = make_model(make_chain("Conv2d", "ReLU"))
    edit(model)
    assert any(message in str(violation) for violation in find_violations(model)), find_violations(model)
    with pytest.raises(GraphError):
        model.verify()


def put_branch(branch: str, graph: Graph | None = None) -> Callable[[Model], None]:
    """Lets the `If` run another graph."""

    def edit(model: Model) -> None:
        if graph is not None:
            model.graphs[branch] = graph
        model.root.node("chosen").op = If("net:then", branch)

    return edit


def take_condition(model: Model) -> None:
    """An `If` without arguments."""
    model.root.node("chosen").set_arguments([])


def loop(*args: Any, n_outputs: int) -> Callable[[Model], None]:
    """Adds a loop over a branch."""

    def edit(model: Model) -> None:
        body = Graph("net:body", "Net", region_of="net")
        body.set_result((True, body.add_input("i")))
        model.graphs["net:body"] = body
        model.root.add(Loop("net:body", 1), args, name="loop", n_outputs=n_outputs)

    return edit


BRANCH_VIOLATIONS: list[tuple[Callable[[Model], Any], str]] = [
    (put_branch("nope"), "net, node chosen: its branch 'nope' does not exist"),
    (put_branch("cell", make_chain("ReLU", name="cell")), "net, node chosen: its branch 'cell' is no branch of 'net'"),
    (put_branch("b", Graph("b", "Net", region_of="net")), "node chosen: it gives 1 values to 'b', which takes 0"),
    (lambda m: m.graph("net:then").set_result(1), "node chosen: its branch 'net:then' has to return a tuple of 1"),
    (lambda m: setattr(m.graph("net:then").result, "args", ()), "its branch 'net:then' has to return a tuple of 1"),
    (take_condition, "net, node chosen: it has no condition"),
    (lambda m: m.graph("net:then").members.update(a=Member(TENSOR)), "net:then: it is a branch and has members"),
    (loop(None, True, n_outputs=1), "net, node loop: it carries 1 values, takes 2 and computes 1"),
    (loop(None, True, 0, n_outputs=2), "net, node loop: it carries 1 values, takes 3 and computes 2"),
    (loop(None, True, 0, n_outputs=1), "net, node loop: it gives 2 values to 'net:body', which takes 1"),
]


@pytest.mark.parametrize(("edit", "message"), BRANCH_VIOLATIONS, ids=[message for _, message in BRANCH_VIOLATIONS])
def test_rules_of_branches(edit: Callable[[Model], Any], message: str) -> None:
    """Branches exist, belong to the graph that runs them, and take and return what it gives and takes."""
    model = make_if_model()
    edit(model)
    assert any(message in str(violation) for violation in find_violations(model)), find_violations(model)


def test_verify_reports_all_violations_with_the_graph() -> None:
    """One error lists every violation and shows the text of the graphs concerned, and of no other."""
    model = make_model(make_chain("Conv2d", "ReLU"), make_chain("Linear", name="cell"))
    for node in model.root.nodes:
        node.op = Call("nope")
    with pytest.raises(GraphError, match="breaks 2 rules of the IR") as caught:
        model.verify()
    assert "  - net, node conv2d: it calls the member 'nope'" in caught.value.what
    assert "  - net, node relu: it calls the member 'nope'" in caught.value.what
    assert "%relu = .nope(%conv2d)" in caught.value.what
    assert "graph cell" not in caught.value.what


def test_long_chains_of_cells_are_no_recursion() -> None:
    """Graphs that are shared by several others do not contain themselves."""
    graphs = [make_chain("ReLU", name="cell0")]
    for index in range(1, 30):
        graph = Graph(f"cell{index}", "Cell")
        value = graph.add_input("x")
        for _ in range(2):
            member = graph.add_member("inner", Cell(f"cell{index - 1}"))
            value = graph.add(Call(member), [value], name="inner").output
        value = graph.add(Function("aten::relu_"), [value]).output
        graph.set_result(value)
        graphs.append(graph)
    make_model(*reversed(graphs)).verify()


def make_verified() -> Model:
    """A fork of a model that calls a cell, all of whose graphs are shared and known to be right."""
    root = make_if_model().graphs
    model = Model({**root, "cell": make_chain("Linear", name="cell")}, "net")
    model.root.set_result(
        model.root.add(Call(model.root.add_member("cell", Cell("cell"))), [model.root.inputs[0]]).output
    )
    fork = model.fork()
    fork.verify()
    assert all(graph.check is not None for graph in fork.graphs.values())
    return fork


def put_region(model: Model) -> None:
    """The cell becomes a branch, past the editing calls."""
    model.graphs["cell"] = Graph("cell", "Net", region_of="net")


def put_owner(model: Model) -> None:
    """The graph around the branches is another, without their members."""
    model.graphs["net"] = make_chain("ReLU")


AROUND: list[tuple[Callable[[Model], Any], str]] = [
    (lambda m: m.graph("cell").add_input("mask"), "net, node x: it gives 1 values to 'cell', which takes 2"),
    (lambda m: m.graphs.pop("cell"), "net: member 'cell': its graph 'cell' does not exist"),
    (put_region, "net: member 'cell': its graph 'cell' is a branch of another graph"),
    (lambda m: m.graphs.pop("net:else"), "net, node chosen: its branch 'net:else' does not exist"),
    (lambda m: m.graph("net:then").set_result((1, 2)), "its branch 'net:then' has to return a tuple of 1"),
    (lambda m: m.graph("net:then").add_input("y"), "it gives 1 values to 'net:then', which takes 2"),
    (lambda m: m.root.members.pop("conv"), "net:then, node conv: it calls the member 'conv', which does not exist"),
    (put_owner, "net:then, node conv: it calls the member 'conv', which does not exist"),
    (lambda m: m.graphs.update(other=m.graphs["cell"]), "other: it is called 'cell' itself"),
    (lambda m: m.graph("cell").members.update(linear=Member(Cell("net"))), "it contains itself"),
]


@pytest.mark.parametrize(("edit", "message"), AROUND, ids=[message for _, message in AROUND])
def test_shared_graphs_are_checked_again(edit: Callable[[Model], Any], message: str) -> None:
    """A shared graph that was right is wrong as soon as what it relies on around it has changed."""
    model = make_verified()
    edit(model)
    assert any(message in str(violation) for violation in find_violations(model)), find_violations(model)
    assert find_violations(model) == find_violations(model.copy())


def test_what_is_wrong_stays_wrong() -> None:
    """A shared graph in which something is wrong is reported every time, in every fork."""
    model = make_model(make_chain("Conv2d"))
    model.root.node("conv2d").op = Call("nope")
    fork = model.fork()
    assert len(find_violations(fork)) == len(find_violations(fork)) == len(find_violations(fork.fork())) == 1


def test_deep_nesting_is_no_recursion() -> None:
    """Three thousand cells within each other are verified and digested, which is deeper than Python's stack."""
    graphs = [make_chain("ReLU", name="cell0")]
    for index in range(1, 3_000):
        graph = make_chain("Linear", name=f"cell{index}")
        graph.members["linear"] = Member(Cell(f"cell{index - 1}"))
        graphs.append(graph)
    model = make_model(*reversed(graphs))
    model.verify()
    assert len(model.digest()) == 32
