"""Regions that are edited as one; cells that are opened and closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given

from retix.errors import GraphError
from retix.ir import (
    Attribute,
    Call,
    Cell,
    Function,
    Graph,
    If,
    Loop,
    Model,
    Module,
    Node,
    Region,
    Site,
    Value,
    inline,
    insert,
    remove_dead,
)
from tests.ir.models import make_chain, make_function, make_if_model, make_model
from tests.ir.random_models import Dice, dice, models, unhurried


def make_net() -> Model:
    """Three layers in a chain, of known shapes."""
    model = make_model(make_chain("Conv2d", "BatchNorm2d", "ReLU"))
    for value in (model.root.inputs[0], *(node.output for node in model.root.nodes)):
        value.shape, value.dtype = (2, 8, 4, 4), "torch.float32"
    return model


def types_of(graph: Graph) -> list[str]:
    """What the nodes do, in order."""
    return [node.type.removeprefix("torch.nn.") for node in graph.nodes]


def test_border() -> None:
    """A region knows what goes in and what comes out; between two values it is all that computes one from the other."""
    model = make_net()
    graph = model.root
    conv, norm, relu = graph.nodes
    region = Region.of([norm, relu])
    assert (region.nodes, region.inputs, region.outputs) == ((norm, relu), (conv.output,), (relu.output,))
    assert Region.between([conv.output], [relu.output]) == region
    assert Region.between([graph.inputs[0]], [norm.output]).nodes == (conv, norm)


def test_what_is_no_region() -> None:
    """Nodes with others between them, of several graphs, or that need more than is named, are refused by name."""
    model = make_net()
    graph = model.root
    conv, norm, relu = graph.nodes
    with pytest.raises(GraphError, match="node 'relu' depends on the rest of the region by a node"):
        Region.of([conv, relu])
    with pytest.raises(GraphError, match="these nodes are of 2"):
        Region.of([conv, *make_net().root.nodes])
    with pytest.raises(GraphError, match="these nodes are of 0"):
        Region.of([])
    with pytest.raises(GraphError, match="needs %x to compute %conv2d"):
        Region.between([norm.output], [conv.output])
    graph.set_result((norm.output, relu.output))
    with pytest.raises(GraphError, match=r"node 'return' takes %batchnorm2d out of the region"):
        Region.between([graph.inputs[0]], [relu.output])


def test_replace() -> None:
    """What a function builds takes the region's place, its members with it; new and old weights may be mixed."""
    model = make_net()
    graph = model.root
    conv, norm, relu = graph.nodes

    def build(site: Site, x: Value) -> Value:
        return site.add("torch.nn.GELU", site.again(norm, x))

    made = Region.of([norm, relu]).replace(build)
    assert made is not None
    assert types_of(graph) == ["Conv2d", "BatchNorm2d", "GELU"]
    assert made.inputs == (conv.output,)
    assert sorted(graph.members) == ["batchnorm2d", "conv2d", "gelu"]
    assert Region.of([conv]).replace(lambda site, x: None) is None
    assert types_of(graph) == ["Conv2d", "BatchNorm2d", "GELU"]


def build_two(site: Site, x: Value) -> tuple[Value, Value]:
    """Too many values."""
    return x, site.add("torch.nn.ReLU", x)


def build_literal(site: Site, x: Value) -> int:
    """No value."""
    return 3


def build_other_shape(site: Site, x: Value) -> Value:
    """A value of another shape."""
    made = site.add("torch.nn.Flatten", x)
    made.shape = (2, 128)
    return made


def build_other_dtype(site: Site, x: Value) -> Value:
    """A value of another dtype."""
    made = site.add("aten::to", x)
    made.shape, made.dtype = x.shape, "torch.int64"
    return made


def build_on_itself(site: Site, x: Value) -> Value:
    """A value that depends on what is replaced."""
    (norm,) = site.graph.get_nodes_by_type("torch.nn.BatchNorm2d")
    return site.add("torch.nn.Sigmoid", norm.output)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (build_two, "has 1 outputs, %batchnorm2d, and got 2 instead"),
        (build_literal, "3 cannot stand for %batchnorm2d"),
        (
            build_other_shape,
            r"node 'relu' takes %batchnorm2d of shape \(2, 8, 4, 4\), and %flatten is of shape \(2, 128\)",
        ),
        (build_other_dtype, "node 'relu' takes %batchnorm2d of dtype torch.float32, and %to is of dtype torch.int64"),
        (build_on_itself, "depends on node 'batchnorm2d' of it"),
    ],
)
def test_refused_replacements(build: Callable[..., object], message: str) -> None:
    """What does not fit is refused with the node that objects, and nothing is changed."""
    model = make_net()
    text = str(model)
    with pytest.raises(GraphError, match=message):
        Region.of([model.root.node("batchnorm2d")]).replace(build)
    assert str(model) == text


def test_remove() -> None:
    """Who took what a region computes takes its input instead, or what is named."""
    model = make_net()
    graph = model.root
    x = graph.inputs[0]
    conv, norm, relu = graph.nodes
    Region.of([norm]).remove()
    assert (types_of(graph), relu.inputs) == (["Conv2d", "ReLU"], (conv.output,))
    Region.of([conv, relu]).remove(x)
    assert (types_of(graph), graph.members, graph.result.args) == ([], {}, (x,))


def test_insert() -> None:
    """What is put behind a value is taken by all who took the value."""
    model = make_net()
    graph = model.root
    conv, norm, _ = graph.nodes
    graph.set_result((graph.result.args[0], conv.output))
    (added,) = insert(conv.output, lambda site, x: site.add("torch.nn.Dropout", x, p=0.1))
    assert norm.inputs == (added.output,)
    assert graph.result.inputs[1] is added.output
    (first,) = insert(graph.inputs[0], lambda site, x: site.add("aten::mul", x, 2))
    assert conv.inputs == (first.output,)
    text = str(model)
    with pytest.raises(GraphError, match="behind %x has to be one value"):
        insert(graph.inputs[0], build_two)
    with pytest.raises(GraphError, match="node 'mul' takes %x of shape"):
        insert(graph.inputs[0], build_other_shape)
    assert str(model) == text


def test_duplicate() -> None:
    """A copy has layers of its own, without counterparts in the base model; one that is called twice stays one."""
    model = make_net()
    graph = model.root
    conv, _, relu = graph.nodes
    again = graph.add(Call("conv2d"), [relu.output], name="again")
    graph.add_member("scale", Module("unused"))
    graph.set_result(again.output)
    copied = Region.of(list(graph.nodes)).duplicate(again.output)
    graph.set_result(copied.outputs[0])
    model.verify()
    assert types_of(graph)[4:] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]
    targets = [node.op.target for node in graph.nodes if isinstance(node.op, Call)]
    assert targets[4] == targets[7]
    assert not set(targets[:4]) & set(targets[4:])
    assert graph.members[targets[4]].origin is None
    conv.output.shape = (1,)
    with pytest.raises(GraphError, match="node 'batchnorm2d' takes"):
        Region.of([graph.node("batchnorm2d")]).duplicate(relu.output)
    with pytest.raises(GraphError, match="takes 1 values, not 2"):
        Region.of([graph.node("batchnorm2d")]).duplicate(relu.output, relu.output)


def test_rewire() -> None:
    """A region takes another value; one that depends on it, or does not fit, is refused."""
    model = make_net()
    graph = model.root
    conv, norm, relu = graph.nodes
    late = graph.add(Function("aten::neg"), [graph.inputs[0]], name="late")
    region = Region.of([norm, relu]).rewire(0, late.output)
    assert (region.inputs, norm.inputs) == ((late.output,), (late.output,))
    with pytest.raises(GraphError, match="depends on node 'relu'"):
        region.rewire(0, relu.output)
    late.output.shape = (1,)
    conv.output.shape = (2,)
    with pytest.raises(GraphError, match="node 'batchnorm2d' takes %late of shape"):
        region.rewire(0, conv.output)


def test_extract_and_inline() -> None:
    """A region becomes a cell with its members, and nodes again, with the paths in the base model that they had."""
    model = make_net()
    graph = model.root
    graph.members = {name: type(member)(member.op, f"body.{name}") for name, member in graph.members.items()}
    digest = model.digest()
    conv, norm, _ = graph.nodes
    graph.set_result((graph.result.args[0], conv.output))
    both = model.digest()
    call = Region.of([conv, norm]).extract("stem", "Stem")
    assert types_of(call.cell) == ["Conv2d", "BatchNorm2d"]
    assert call.cell.class_name == "Stem"
    assert [node.type for node in graph.nodes] == ["cell", "python::getitem", "python::getitem", "torch.nn.ReLU"]
    assert sorted(graph.members) == ["relu", "stem"]
    inline(call)
    assert list(model.graphs) == ["net"]
    assert {member.origin for member in graph.members.values()} == {"body.conv2d", "body.batchnorm2d", "body.relu"}
    assert both != digest


def test_what_cannot_be_a_cell() -> None:
    """Members that are used outside, branches, and effects that would change places, are refused by name."""
    model = make_if_model()
    graph = model.root
    with pytest.raises(GraphError, match="node 'conv' uses the member 'conv' too"):
        Region.of([graph.node("conv")]).extract("part")
    for edit in (lambda region: region.extract("part"), lambda region: region.duplicate()):
        with pytest.raises(GraphError, match="node 'chosen' runs branches"):
            edit(Region.of([graph.node("chosen")]))
    graph, (x,) = make_function("net")
    first = graph.add(Function("aten::neg"), [x], name="first").output
    graph.add(Function("aten::add_"), [x, 1], name="change")
    second = graph.add(Function("aten::neg"), [x], name="second").output
    graph.set_result(graph.add(Function("aten::add"), [first, second]).output)
    model = make_model(graph)
    graph = model.root
    with pytest.raises(GraphError, match="node 'change' changes something in place"):
        Region.of([graph.node("first"), graph.node("second")]).extract("part")


def test_inline_shared() -> None:
    """A cell that is called twice keeps one set of weights when one call is inlined; two cells of a graph have two."""
    block = make_chain("Linear", "ReLU", name="block")
    graph, (x,) = make_function("net")
    for name in ("one", "two"):
        graph.add_member(name, Cell("block"), name)
    value = x
    for name in ("one", "one", "two"):
        value = graph.add(Call(name), [value], name=name).output
    graph.set_result(value)
    model = make_model(graph, block)
    first, second, third = graph.nodes
    inline(second)
    model.verify()
    assert sorted(graph.members) == ["one", "one.linear", "one.relu", "two"]
    inline(third)
    assert sorted(graph.members) == ["one", "one.linear", "one.relu", "two_linear", "two_relu"]
    assert types_of(graph) == ["cell", "Linear", "ReLU", "Linear", "ReLU"]
    with pytest.raises(GraphError, match="calls no cell"):
        inline(graph.node("linear"))
    inline(first)
    model.verify()
    assert list(model.graphs) == ["net"]
    targets = [node.op.target for node in graph.nodes if isinstance(node.op, Call)]
    assert (targets[0], targets[1]) == (targets[2], targets[3])


def pick_region(model: Model, random: Dice) -> Region:
    """The nodes between two places of a graph, which others may separate."""
    graph = model.graph(random.choice([name for name, graph in model.graphs.items() if graph.region_of is None]))
    nodes = list(graph.nodes)
    assume(nodes)
    start = random.randrange(len(nodes))
    chosen = nodes[start : start + 1 + random.randrange(4)]
    return Region.of(chosen)


@unhurried
@given(models(), dice)
def test_extracting_and_inlining_is_nothing(model: Model, random: Dice) -> None:
    """A region of one output that became a cell and was inlined again is the same network."""
    remove_dead(model)
    digest = model.digest()
    region = pick_region(model, random)
    assume(len(region.outputs) == 1)
    try:
        call = region.extract("part")
    except GraphError:
        assume(False)
    model.verify()
    inline(call)
    model.verify()
    assert model.digest() == digest


@unhurried
@given(models(), dice)
def test_duplicating_and_removing_is_nothing(model: Model, random: Dice) -> None:
    """A copy that nobody takes, and that is taken out again, leaves the network as it was."""
    digest = model.digest()
    region = pick_region(model, random)
    assume(region.outputs and not any(isinstance(node.op, (If, Loop)) for node in region.nodes))
    copied = region.duplicate()
    model.verify()
    for node in reversed(copied.nodes):
        node.remove()
    assert model.digest() == digest


def names_of(nodes: list[Node]) -> list[str]:
    """The names."""
    return [node.name for node in nodes]


def test_members_of_branches() -> None:
    """A region of a branch becomes a cell of the graph around it, and reads its parameters there."""
    model = make_if_model()
    branch = model.graph("net:else")
    call = Region.of([branch.node("fc")]).extract("part")
    model.verify()
    assert names_of(list(branch.nodes)) == [call.name]
    assert "part" in model.root.members
    assert list(model.graphs["part"].members) == ["fc"]
    training = model.root.node("training")
    inner = Region.of([training]).extract("mode")
    assert [node.op for node in inner.cell.nodes] == [Attribute("training")]
