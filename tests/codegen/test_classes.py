"""Which graphs share a class."""

from __future__ import annotations

import torch
from torch import nn

from retix.codegen import generate
from retix.ir import Attribute, Call, Cell, Function, Graph, Member, Module, Tensor, Value
from tests.codegen.graphs import build, cells, chain, leaf, linear, model, write


def test_equal_graphs_share_a_class() -> None:
    """Two graphs that differ in nothing are two instances of one class without parameters."""
    text = generate(cells(*(chain(name, "Block", {"fc": linear(4, 4)}) for name in ("a", "b")))).text
    assert text.count("class Block") == 1
    assert "self.a = Block()\n        self.b = Block()\n" in text


def test_numbers_that_differ_become_parameters() -> None:
    """Graphs that differ in sizes share a class whose constructor takes them; equal sizes are one parameter."""
    blocks = [chain(f"b{n}", "Block", {"fc1": linear(4, n), "fc2": linear(n, 4)}) for n in (8, 16)]
    source = generate(cells(*blocks))
    assert "def __init__(self, hidden_features):" in source.text
    assert "self.fc1 = nn.Linear(4, hidden_features)" in source.text
    assert "self.b16 = Block(16)" in source.text
    assert build(source)(torch.ones(2, 4)).shape == (2, 4)


def test_inner_sizes_are_made_of_outer_ones() -> None:
    """A size inside that is the same multiple or part of another in all graphs needs no parameter of its own."""
    wide = [chain(f"w{n}", "Wide", {"fc1": linear(n, 4 * n), "fc2": linear(4 * n, n)}) for n in (3, 5)]
    thin = [chain(f"t{n}", "Thin", {"fc1": linear(n, n // 2), "fc2": linear(n // 2, n)}) for n in (4, 8)]
    text = generate(model(*wide[:1])).text
    assert "nn.Linear(3, 12)" in text
    text = generate(cells(wide[0], chain("up", "Up", {"fc": linear(3, 5)}), wide[1])).text
    assert "def __init__(self, features):" in text
    assert "self.fc1 = nn.Linear(features, 4 * features)" in text
    source = generate(cells(thin[0], chain("up", "Up", {"fc": linear(4, 8)}), thin[1]))
    assert "self.fc2 = nn.Linear(features // 2, features)" in source.text
    assert build(source)(torch.ones(1, 4)).shape == (1, 8)


def test_an_inner_size_that_is_used_often_has_a_name() -> None:
    """What is made of a parameter and used more than twice is a variable of the constructor."""

    def block(name: str, n: int) -> Graph:
        return chain(name, "Block", {"fc1": linear(n, 4 * n), "fc2": linear(4 * n, 4 * n), "fc3": linear(4 * n, n)})

    source = generate(cells(block("a", 2), chain("up", "Up", {"fc": linear(2, 3)}), block("b", 3)))
    assert "        super().__init__()\n        hidden_features = 4 * features\n" in source.text
    assert "self.fc2 = nn.Linear(hidden_features, hidden_features)" in source.text
    assert build(source)(torch.ones(1, 2)).shape == (1, 3)


def test_random_draws_of_about_one_spread_share_a_class() -> None:
    """Spreads are measured, so those that differ by little are one number; others are a parameter."""

    def block(name: str, std: float) -> Graph:
        init = Module("torch.nn.init.normal_", (Module("torch.empty", ((40, 3),)), 0.0, std))
        graph = Graph(name, "Block")
        graph.members["table"] = Member(Tensor((40, 3), "torch.float32", init), "table")
        graph.set_result(graph.add(Function("aten::matmul"), (graph.add_input("x"), read(graph))).output)
        return graph

    def read(graph: Graph) -> Value:
        return graph.add(Attribute("table")).output

    def write_both(second: float) -> str:
        net = Graph("Net", "Net")
        x = net.add_input("x")
        for name in ("a", "b"):
            net.members[name] = Member(Cell(name), name)
        net.set_result(tuple(net.add(Call(name), (x,)).output for name in ("a", "b")))
        return write(net, block("a", 0.02), block("b", second)).text

    assert "self.table = nn.Parameter(nn.init.normal_(torch.empty(40, 3), std=0.02))" in write_both(0.0195)
    assert "def __init__(self, std):" in write_both(0.2)


def test_an_argument_that_is_mostly_left_out_has_a_default() -> None:
    """A stride that one instance gives is a parameter with torch's default."""

    def block(name: str, **kwargs: int) -> Graph:
        conv = leaf("Conv2d", in_channels=2, out_channels=2, kernel_size=1, **kwargs)
        return chain(name, "Block", {"conv": conv, "out": linear(len(name), 3)})

    text = generate(cells(block("a"), block("bb", stride=2))).text
    assert "def __init__(self, in_features, stride=1):" in text
    assert "nn.Conv2d(2, 2, 1, stride=stride)" in text
    assert "self.a = Block(1)\n" in text
    assert "self.bb = Block(2, stride=2)\n" in text


def test_too_many_differences_make_two_classes() -> None:
    """A class with a long list of parameters is worse than two classes."""
    blocks = [
        chain(f"b{n}", "Block", {f"fc{i}": leaf("Dropout", p=n / 10 + i / 100) for i in range(7)}) for n in (1, 2)
    ]
    text = generate(cells(*blocks)).text
    assert "class Block(nn.Module):" in text
    assert "class Block2(nn.Module):" in text
    assert "self.b2 = Block2()" in text


def test_parameters_are_passed_on() -> None:
    """A class that contains a class with parameters passes them on."""
    graphs = []
    for size in (4, 8):
        graphs.append(chain(f"outer{size}", "Outer", {"inner": Cell(f"inner{size}")}))
        graphs.append(chain(f"inner{size}", "Inner", {"norm": leaf("LayerNorm", normalized_shape=(size,))}))
    net = chain("Net", "Net", {"outer4": Cell("outer4"), "pad": leaf("ConstantPad1d", padding=2, value=0.0)})
    last = net.result.args[0]
    net.members["outer8"] = Member(Cell("outer8"), "outer8")
    net.set_result(net.add(Call("outer8"), (last,)).output)
    source = write(net, *graphs)
    assert "self.inner = Inner(dim)" in source.text
    assert "self.outer8 = Outer(8)" in source.text
    assert build(source)(torch.ones(2, 4)).shape == (2, 8)


def test_sequential_stays_sequential() -> None:
    """A chain is written as ``nn.Sequential``, whatever its items were called; many equal items are counted."""
    body = chain("body", "Sequential", {"first": linear(4, 4), "act": leaf("ReLU")}, type="torch.nn.Sequential")
    deep = chain("deep", "Sequential", {str(i): leaf("Tanh") for i in range(4)}, type="torch.nn.Sequential")
    source = generate(cells(body, deep))
    assert "self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())" in source.text
    assert "self.deep = nn.Sequential(*[nn.Tanh() for _ in range(4)])" in source.text
    assert source.state_names == {"body.0.weight": "body.first.weight", "body.0.bias": "body.first.bias"}


def test_a_sequential_that_is_no_chain_is_a_class() -> None:
    """Items that are used twice make a class of their own, whose attributes have names."""
    graph = Graph("body", "Sequential", type="torch.nn.Sequential")
    x = graph.add_input("x")
    graph.members["0"] = Member(linear(3, 3), "0")
    once = graph.add(Call("0"), (x,)).output
    graph.set_result(graph.add(Call("0"), (once,)).output)
    source = generate(cells(graph))
    made = build(source)
    assert source.state_names["body.layer0.weight"] == "body.0.weight"
    assert set(made.state_dict()) == set(source.state_names)
    assert isinstance(made.body.layer0, nn.Linear)


def test_the_outermost_class_takes_no_arguments() -> None:
    """The model is built without arguments even if one of its parts has a graph like its own."""
    inner = chain("inner", "Net", {"fc": linear(4, 2)})
    outer = chain("Net", "Net", {"first": linear(8, 4), "inner": Cell("inner")})
    source = write(outer, inner)
    assert source.entry == "Net2"
    assert build(source)(torch.ones(1, 8)).shape == (1, 2)


def test_containers() -> None:
    """Dotted names are lists and dicts of modules, also nested, and keep the base model's names."""
    members = {"items.0.a": linear(2, 2), "items.0.b": leaf("ReLU"), "items.1.a": linear(2, 2), "heads.x": linear(2, 1)}
    source = generate(model(chain("Net", "Net", members)))
    made = build(source)
    assert isinstance(made.items, nn.ModuleList)
    assert isinstance(made.items[0], nn.ModuleDict)
    assert source.state_names["items.1.a.weight"] == "items.1.a.weight"
    assert made(torch.ones(1, 2)).shape == (1, 1)
