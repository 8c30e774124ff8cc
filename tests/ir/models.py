"""Models made by hand."""

from __future__ import annotations

from typing import Any

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
    SelectInputs,
    Symbol,
    Tensor,
    Value,
)


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
    selected = SelectInputs((make_open("first", True, False), True), "sum")
    chosen = graph.add(selected, [[picked, chosen]], name="selected").output
    graph.set_result({"all": [picked, constant, graph.add(Call("drop"), [chosen]).output], "table": table.outputs})
    model.graphs["cell"] = cell
    model.constraints = ({"expression": make_open("first", True, False).expression, "message": "the first"},)
    return model
