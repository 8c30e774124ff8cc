"""Models made by hand, and random ones."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

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
    Location,
    Member,
    Model,
    Module,
    Open,
    Symbol,
    Tensor,
    Value,
)

Draw = Any

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests on random data: how long an example takes depends on the machine."""


def make_chain(*types: str, name: str = "net") -> Graph:
    """A graph that calls one layer after the other."""
    graph = Graph(name, "Net")
    value = graph.add_input("x")
    for type_name in types:
        value = graph.add_module(type_name.lower(), f"torch.nn.{type_name}", [value]).output
    graph.set_result(value)
    return graph


def make_model(*graphs: Graph) -> Model:
    """A model of graphs, the first of which is its root."""
    return Model({graph.name: graph for graph in graphs}, graphs[0].name)


def make_function(name: str, *, inputs: int = 1) -> tuple[Graph, list[Value]]:
    """An empty graph and its inputs."""
    graph = Graph(name, name.capitalize())
    return graph, [graph.add_input("x") for _ in range(inputs)]


def make_if_model() -> Model:
    """A model whose branches call a layer of the graph around them."""
    graph, (x,) = make_function("net")
    graph.add_member("conv", Module("torch.nn.Conv2d", (3, 8, 3)))
    graph.add_member("fc", Module("torch.nn.Linear", (8, 8)))
    first = graph.add(Call("conv"), [x], name="conv").output
    training = graph.add(Attribute("training"), name="training").output
    chosen = graph.add(If("net:then", "net:else"), [training, first], name="chosen").output
    graph.set_result(chosen)
    branches = []
    for name, target in (("net:then", "conv"), ("net:else", "fc")):
        branch = Graph(name, "Net", region_of="net")
        value = branch.add_input("y")
        branch.set_result((branch.add(Call(target), [value], name=target).output,))
        branches.append(branch)
    return make_model(graph, *branches)


def make_open(label: str, *candidates: Any) -> Open:
    """An argument that is a choice."""
    return Open({"choice": {"label": label, "candidates": list(candidates)}})


def make_rich_model() -> Model:
    """A model with every kind of member, node and literal."""
    cell = make_chain("Conv2d", "ReLU", name="cell")
    model = make_if_model()
    graph = model.root
    result = graph.result.args[0]
    candidates = (("0", Member(Cell("cell"), "choice.0")), ("skip", Member(Module("torch.nn.Identity"))))
    graph.add_member("choice", LayerChoice("op", candidates, (1.0, 2.0)))
    graph.add_member("scale", Tensor((3, 1), "torch.float32", Module("torch.ones", ((3, 1),))), "scale")
    graph.add_member("drop", Module("torch.nn.Dropout", (make_open("rate", 0.1, 0.5),), {}, ("mask",)))
    chosen = graph.add(Call("choice"), [result], name="choice", location=Location("net.py", 7)).output
    scale = graph.add(Attribute("scale"), name="scale").output
    literals = (float("inf"), float("-inf"), -0.0, 1e300, 2**80, 3 - 4j, complex(float("nan"), 1), Symbol("torch.int8"))
    nested = [[1, (2, [3])], (), [], {"a": (None, True), 3: "b"}, slice(None, scale, 2), ..., *literals]
    table = graph.add(Function("python::table"), nested, {"dim": [-1]}, name="table", n_outputs=2)
    graph.rename(table.outputs[1], "result")
    constant = graph.add(Constant(), [[chosen, 1.5]], name="constant").output
    picked = graph.add(ChooseInputs("inputs", 2, -1, "mean"), [[chosen, result]], name="picked").output
    graph.set_result({"all": [picked, constant, graph.add(Call("drop"), [chosen]).output], "table": table.outputs})
    model.graphs["cell"] = cell
    return model


@st.composite
def models(draw: Draw) -> Model:
    """Valid models of several graphs: leaves, cells, open choices, operators and branches."""
    graphs: list[Graph] = []
    for index in range(draw(st.integers(0, 3))):
        graphs += _draw_graph(draw, f"cell{index}", [graph.name for graph in graphs if graph.region_of is None])
    root = _draw_graph(draw, "net", [graph.name for graph in graphs if graph.region_of is None])
    return make_model(*root, *graphs)


def _draw_graph(draw: Draw, name: str, cells: list[str]) -> list[Graph]:
    """A graph of one input, and its branches; it may call ``cells``."""
    graph, values = make_function(name)
    graphs = [graph]
    for step in range(draw(st.integers(0, 6))):
        kinds = ["leaf", "add", "choice", "inputs", "tensor", "if", "relu_", *(["cell"] if cells else [])]
        kind = draw(st.sampled_from(kinds))
        values.append(add_random_node(draw, graph, kind, values, cells, graphs, f"{name}:{step}"))
    graph.set_result(draw(st.sampled_from([values[-1], (values[-1], values[0]), {"a": [values[-1], 3]}])))
    if cells:  # cells are called with one value and may return anything
        graph.set_result(values[-1])
    return graphs


def add_random_node(
    draw: Draw, graph: Graph, kind: str, values: list[Value], cells: list[str], graphs: list[Graph], name: str
) -> Value:
    """Add a node of that kind, with what it needs, behind all others and return its value."""
    value, other = draw(st.sampled_from(values)), draw(st.sampled_from(values))
    number = draw(st.integers(1, 3))
    if kind == "leaf":
        return graph.add_module("conv", "torch.nn.Conv2d", [value], {"out_channels": number}).output
    if kind == "cell":
        target = graph.add_member("cell", Cell(draw(st.sampled_from(cells))))
        return graph.add(Call(target), [value], name="cell").output
    if kind == "choice":
        leaf = Member(Module("torch.nn.Linear", (number,)))
        candidates = (("a", leaf), ("b", Member(Cell(draw(st.sampled_from(cells)))) if cells else leaf))
        return graph.add(Call(graph.add_member("choice", LayerChoice(name, candidates))), [value], name="choice").output
    if kind == "inputs":
        return graph.add(ChooseInputs(name, 2), [[value, other]], name="inputs").output
    if kind == "tensor":
        target = graph.add_member("weight", Tensor((number,), "torch.float32", Module("torch.ones", (number,))))
        return graph.add(Attribute(target), name="weight").output
    if kind == "if":
        return _add_random_if(draw, graph, value, other, graphs, name)
    if kind == "relu_":
        return graph.add(Function("aten::relu_"), [value], name="relu_").output
    return graph.add(Function("aten::add"), [value, other], {"alpha": number}, name="add").output


def _add_random_if(draw: Draw, graph: Graph, value: Value, other: Value, graphs: list[Graph], name: str) -> Value:
    """Add an `If` of two branches that call a layer of the graph."""
    target = graph.add_member("norm", Module("torch.nn.BatchNorm2d", (draw(st.integers(1, 3)),)))
    for side in ("then", "else"):
        branch = Graph(f"{name}:{side}", graph.class_name, region_of=graph.name)
        inner = branch.add_input("x")
        op = draw(st.sampled_from([Call(target), Function("aten::relu")]))
        branch.set_result((branch.add(op, [inner], name="y").output,))
        graphs.append(branch)
    graph.add_member("used", Module("torch.nn.Identity"))
    return graph.add(If(f"{name}:then", f"{name}:else"), [other, value], name="if").output


@st.composite
def edits(draw: Draw, model: Model) -> None:
    """Edit a model at random by the editing calls, all of them legal."""
    for _ in range(draw(st.integers(1, 5))):
        graph = model.graph(draw(st.sampled_from(sorted(model.graphs))))
        nodes = list(graph.nodes)
        values = [*graph.inputs, *(value for node in nodes for value in node.outputs)]
        value = draw(st.sampled_from(values))
        action = draw(st.sampled_from(["insert", "update", "erase", "rename", "remove"]))
        if action == "insert":
            graph.insert_on(value, "norm", "torch.nn.BatchNorm2d", {"num_features": draw(st.integers(1, 9))})
        elif action == "rename":
            graph.rename(value, draw(st.sampled_from(["a", "b", "out"])))
        elif not nodes:
            continue
        elif action == "update":
            node = draw(st.sampled_from(nodes))
            if isinstance(node.op, Call):
                node.update_operation("torch.nn.Linear", {"out_features": draw(st.integers(1, 9))})
        elif action == "erase":
            node = draw(st.sampled_from(nodes))
            graph.erase(node, graph.inputs[0])
        elif not any(value.uses for value in nodes[-1].outputs):
            nodes[-1].remove()
