"""Drawings for Graphviz."""

from __future__ import annotations

from retix.ir import Call, Cell, Function, Graph, If, LayerChoice, Loop, Member, Model, Module
from tests.ir.models import make_chain, make_model


def make_drawn() -> Model:
    """A cell, a choice, a branch, a loop, shapes, and text that has to be escaped."""
    graph = Graph("net", "Net")
    x = graph.add_input("x")
    x.shape, x.dtype = (2, 8), "torch.float32"
    graph.add_member("block", Cell("block"))
    candidates = (("a", Member(Module("torch.nn.Linear", (8,)))), ("b", Member(Module("torch.nn.Identity"))))
    graph.add_member("pick", LayerChoice("op", candidates))
    y = graph.add(Call("block"), [x], name="block").output
    y = graph.add(Call("pick"), [y], name="pick").output
    flag = graph.add(Function("python::is"), [y, 'a "<b>" \\ #'], name="flag").output
    y = graph.add(If("net:then", "net:else"), [flag, y], name="chosen").output
    graph.set_result(graph.add(Loop("net:body", 1), [None, True, y], name="loop").output)
    parts = []
    for name in ("then", "else", "body"):
        part = Graph(f"net:{name}", "Net", region_of="net")
        if name == "body":
            part.add_input("i")
        value = part.add_input("y")
        relu = part.add(Function("aten::relu"), [value], name="relu").output if name != "else" else value
        part.set_result((True, relu) if name == "body" else (relu,))
        parts.append(part)
    block = make_chain("ReLU", name="block")
    return make_model(graph, *parts, block)


EXPECTED = r"""digraph "Net" {
  node [shape=box, style=rounded, fontname="Helvetica", fontsize=10];
  edge [fontname="Helvetica", fontsize=8];
  "x" [label="x", shape=ellipse, style=""];
  subgraph "cluster/block" {
    label="block: Net";
    "/block/relu" [label="relu\nReLU()"];
  }
  "/pick" [label="pick\na: Linear(8)\nb: Identity()\nchoice op: a | b", style="rounded,dashed,bold", color="#b35900"];
  "/flag" [label="is('a \"<b>\" \\\\ #')"];
  "/chosen" [label="if", shape=diamond, style=""];
  subgraph "cluster/chosen:then" {
    label="then";
    "/chosen:then/relu" [label="relu"];
  }
  "/loop" [label="while", shape=diamond, style=""];
  subgraph "cluster/loop:body" {
    label="body";
    "/loop:body/relu" [label="relu"];
  }
  "return" [label="return", shape=ellipse, style=""];
  "x" -> "/block/relu" [label="2x8"];
  "/block/relu" -> "/pick";
  "/pick" -> "/flag";
  "/flag" -> "/chosen";
  "/pick" -> "/chosen:then/relu";
  "/chosen" -> "/chosen:then/relu" [label="then"];
  "/chosen:then/relu" -> "/loop";
  "/pick" -> "/loop";
  "/loop" -> "/loop:body/relu";
  "/loop:body/relu" -> "/loop" [style=dashed, constraint=false];
  "/loop" -> "return";
}
"""


def test_dot() -> None:
    """Cells and branches are clusters, choices dashed, shapes on the arrows, and quotes and backslashes escaped."""
    assert make_drawn().to_dot() == EXPECTED


def test_depth_and_graph() -> None:
    """Both options reach the drawing."""
    model = make_drawn()
    assert '"cluster/block"' not in model.to_dot(depth=0)
    assert model.to_dot(graph="block").count("->") == 2
