"""The canonical printed form."""

from __future__ import annotations

from retix.ir.text import print_graph
from tests.ir.models import make_rich_model

EXPECTED = """\
# where first  (the first)

graph net (Net) takes %x {
  .conv = torch.nn.Conv2d(3, 8, 3)
  .fc = torch.nn.Linear(8, 8)
  .choice = choice[op] {0: cell cell; skip: torch.nn.Identity()}
  .scale = parameter torch.float32[3, 1] = torch.ones((3, 1))
  .drop = torch.nn.Dropout({rate})
  %conv = .conv(%x)
  %training = attribute.training()
  %chosen = if[net:then | net:else](%training, %conv)
  %choice = .choice(%chosen)
  %scale = attribute.scale()
  %table, %result = python::table([1, (2, [3])], (), [], {'a': (None, True), 3: 'b'}, :%scale:2, ..., inf, -inf, \
-0.0, 1e+300, 1208925819614629174706176, (3-4j), (nan+1j), torch.int8, dim=[-1])
  %constant = constant([%choice, 1.5])
  %picked = choose[inputs: any of 2, mean]([%choice, %chosen])
  %selected = select[{first}, True; sum]([%picked, %choice])
  %x_1 = .drop(%selected)
  return {'all': [%picked, %constant, %x_1], 'table': (%table, %result)}
}

graph net:then (Net in net) takes %y {
  %conv = .conv(%y)
  return (%conv,)
}

graph net:else (Net in net) takes %y {
  %fc = .fc(%y)
  return (%fc,)
}

graph cell (Net) takes %x {
  .conv2d = torch.nn.Conv2d()
  .relu = torch.nn.ReLU()
  %conv2d = .conv2d(%x)
  %relu = .relu(%conv2d)
  return %relu
}"""


def test_printed_model() -> None:
    """A model prints the root first, each graph with members, nodes in order and result."""
    assert str(make_rich_model()) == EXPECTED


def test_types() -> None:
    """Dtype and shape stand where they are known; of several outputs, those of unknown type have a mark."""
    graph = make_rich_model().root
    graph.inputs[0].shape, graph.inputs[0].dtype = (2, 3), "torch.float32"
    conv, table = graph.node("conv").output, graph.node("table").outputs[1]
    conv.shape, conv.dtype = (), "torch.int64"
    table.take_type(graph.inputs[0])
    lines = print_graph(graph).splitlines()
    assert lines[0] == "graph net (Net) takes %x: float32[2, 3] {"
    assert "  %conv = .conv(%x)  -> int64[]" in lines
    assert any(line.startswith("  %table, %result = ") and line.endswith("  -> ?, float32[2, 3]") for line in lines)
