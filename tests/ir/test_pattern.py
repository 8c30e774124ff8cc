"""Patterns in models, and rewriting what matches."""

from __future__ import annotations

import pytest
from hypothesis import given

from retix.errors import GraphError
from retix.ir import (
    Call,
    Function,
    Graph,
    Match,
    Model,
    Module,
    Pattern,
    Site,
    find_matches,
    rewrite,
    step,
    wildcard,
)
from tests.ir.models import make_chain, make_function, make_model
from tests.ir.random_models import models, unhurried


def make_blocks(count: int = 2) -> Model:
    """Convolution, norm and activation, several times."""
    return make_model(make_chain(*["Conv2d", "BatchNorm2d", "ReLU"] * count))


def conv_norm_relu() -> Pattern:
    """Convolution, norm and activation; the convolution and its input are named."""
    conv = step("torch.nn.Conv2d", wildcard("x"), name="conv")
    return Pattern(step(("torch.nn.ReLU", "aten::relu"), step("torch.nn.BatchNorm2d", conv), name="act"))


def types_of(graph: Graph) -> list[str]:
    """What the nodes do, in order."""
    return [node.type.removeprefix("torch.nn.") for node in graph.nodes]


def without_norm(match: Match, site: Site) -> object:
    """The same convolution, and another activation."""
    return site.add("torch.nn.SiLU", site.again(match["conv"], match["x"]))


def test_matches() -> None:
    """Each block matches once, with what was named; a layer may be an operator too."""
    model = make_blocks()
    graph = model.root
    last = list(graph.nodes)[-1]
    graph.set_result(graph.add(Function("aten::relu"), [last.inputs[0]], name="relu_f").output)
    last.remove()
    matches = find_matches(model, conv_norm_relu())
    assert [[node.name for node in match.nodes] for match in matches] == [
        ["conv2d", "batchnorm2d", "relu"],
        ["conv2d_1", "batchnorm2d_1", "relu_f"],
    ]
    assert matches[0]["x"] is graph.inputs[0]
    assert matches[1]["x"] is matches[0]["act"].output
    assert matches[0].outputs == (matches[0]["act"].output,)


def test_rewrite() -> None:
    """Matches are replaced, with weights kept where a node is done again; members that went are gone."""
    model = make_blocks()
    assert rewrite(model, conv_norm_relu(), without_norm) == 2
    assert types_of(model.root) == ["Conv2d", "SiLU"] * 2
    assert sorted(model.root.members) == ["conv2d", "conv2d_1", "silu", "silu_1"]
    assert find_matches(model, conv_norm_relu()) == []


def test_rewriting_some() -> None:
    """A function that returns None leaves its match; a fork's parent stays as it was."""
    base = make_blocks()
    text = str(base)
    model = base.fork()
    count = rewrite(model, conv_norm_relu(), lambda m, s: without_norm(m, s) if m["conv"].name == "conv2d" else None)
    assert (count, types_of(model.root)) == (1, ["Conv2d", "SiLU", "Conv2d", "BatchNorm2d", "ReLU"])
    assert str(base) == text
    other = base.fork()
    assert rewrite(other, Pattern(step("torch.nn.Linear")), without_norm) == 0
    assert other.graphs["net"] is base.graphs["net"]


def test_values_that_others_take() -> None:
    """Where a value within is taken by others, or returned, there is no match, unless it is an output too."""
    model = make_blocks(1)
    graph = model.root
    _, norm, relu = graph.nodes
    graph.set_result((relu.output, norm.output))
    assert find_matches(model, conv_norm_relu()) == []
    conv = step("torch.nn.Conv2d", wildcard())
    inner = step("torch.nn.BatchNorm2d", conv)
    (match,) = find_matches(graph, Pattern(step("torch.nn.ReLU", inner), inner))
    assert match.outputs == (relu.output, norm.output)


def test_one_part_is_one_node() -> None:
    """A part that is used twice is one node, two parts are two; one wildcard is one value."""
    graph, (x,) = make_function("net")
    left = graph.add_module("left", "torch.nn.Linear", [x]).output
    right = graph.add_module("right", "torch.nn.Linear", [x]).output
    both = graph.add(Function("aten::add"), [left, right], name="both").output
    twice = graph.add(Function("aten::add"), [both, both], name="twice").output
    graph.set_result(twice)
    model = make_model(graph)
    linear, other = step("torch.nn.Linear"), step("torch.nn.Linear")
    anything = wildcard()

    def names(pattern: Pattern) -> list[list[str]]:
        return [[node.name for node in match.nodes] for match in find_matches(model, pattern)]

    assert names(Pattern(step("aten::add", linear, other))) == [["left", "right", "both"]]
    assert names(Pattern(step("aten::add", linear, linear))) == []
    assert names(Pattern(step("aten::add", anything, anything))) == [["twice"]]
    assert names(Pattern(step("aten::add", wildcard(), wildcard()))) == [["both"], ["twice"]]


def test_arguments() -> None:
    """Literals match by value or by a function; lists item by item; further values have to be allowed for."""
    graph, (x, y) = make_function("net", inputs=2)
    cat = graph.add(Function("aten::cat"), [[x, y], 1], name="cat").output
    total = graph.add(Function("aten::add"), [x, cat], {"alpha": 2}, name="total").output
    graph.set_result(graph.add(Function("user::op"), [x, cat, total], name="all").output)
    model = make_model(graph)

    def count(*args: object, **kwargs: object) -> int:
        return len(find_matches(model, Pattern(step(*args, **kwargs))))  # type: ignore[arg-type]  # as given above

    anything = wildcard()
    assert count("aten::cat", [wildcard(), wildcard()], 1) == 1
    assert count("aten::cat", [wildcard(), wildcard()], True) == 0
    assert count("aten::cat", [wildcard()], 1) == 0
    assert count("aten::cat", [wildcard(), wildcard()], lambda dim: dim > 1) == 0
    assert count("aten::cat", [wildcard(), wildcard()]) == 1
    assert count("aten::cat", anything) == 0
    assert count("aten::add", wildcard(), wildcard(), alpha=2) == 1
    assert count("aten::add", wildcard(), wildcard(), alpha=3) == 0
    assert count("aten::add", wildcard(), wildcard(), beta=3) == 0
    assert count("user::op", wildcard()) == 0
    assert count("user::op", wildcard(), ...) == 1
    assert count(...) == 3
    assert count(..., where=lambda node: node.name == "cat") == 1


def test_any_order() -> None:
    """A step whose values may come in any order matches both."""
    graph, (x,) = make_function("net")
    relu = graph.add_module("relu", "torch.nn.ReLU", [x]).output
    graph.set_result(graph.add(Function("aten::add"), [x, relu]).output)
    model = make_model(graph)
    parts = (step("torch.nn.ReLU"), wildcard("x"))
    assert find_matches(model, Pattern(step("aten::add", *parts))) == []
    (match,) = find_matches(model, Pattern(step("aten::add", *parts, commutative=True)))
    assert match["x"] is x


def test_several_outputs() -> None:
    """A pattern may have outputs that do not depend on each other, and nodes with several outputs."""
    graph, (x,) = make_function("net")
    split = graph.add(Function("aten::chunk"), [x, 2], name="split", n_outputs=2)
    left = graph.add_module("left", "torch.nn.Linear", [split.outputs[0]]).output
    right = graph.add_module("right", "torch.nn.Linear", [split.outputs[1]]).output
    graph.set_result((left, right))
    model = make_model(graph)
    halves = step("aten::chunk", wildcard("x"))
    pattern = Pattern(step("torch.nn.Linear", halves[0]), step("torch.nn.Linear", halves[1]))
    (match,) = find_matches(model, pattern)
    assert match.outputs == (left, right)

    def swap(match: Match, site: Site) -> list[object]:
        return [site.again(node, match["x"]) for node in match.nodes[1:]]

    assert rewrite(model, pattern, swap) == 1
    assert [node.name for node in graph.nodes] == ["left_1", "right_1"]
    assert find_matches(model, Pattern(step("torch.nn.Linear", step("aten::chunk")[1]))) == []


def test_no_common_nodes() -> None:
    """Of matches with a node in common the first one counts."""
    model = make_model(make_chain(*["ReLU"] * 5))
    pattern = Pattern(step("torch.nn.ReLU", step("torch.nn.ReLU")))
    assert [[node.name for node in match.nodes] for match in find_matches(model, pattern)] == [
        ["relu", "relu_1"],
        ["relu_2", "relu_3"],
    ]


def test_in_place_within() -> None:
    """An activation that overwrites what the match itself has made is no obstacle; one that overwrites more is."""
    model = make_blocks(1)
    relu = model.root.node("relu")
    relu.update_operation("torch.nn.ReLU", {"inplace": True})
    assert len(find_matches(model, conv_norm_relu())) == 1
    assert find_matches(model, Pattern(step("torch.nn.ReLU", wildcard()))) == []


def test_in_place_between() -> None:
    """What is overwritten between two nodes of a match, or overwrites one of its values, prevents it."""
    graph, (x,) = make_function("net")
    first = graph.add_module("first", "torch.nn.Linear", [x]).output
    graph.add(Function("aten::add_"), [x, 1], name="change")
    second = graph.add_module("second", "torch.nn.ReLU", [first]).output
    graph.set_result(second)
    model = make_model(graph)
    pattern = Pattern(step("torch.nn.ReLU", step("torch.nn.Linear")))
    assert find_matches(model, pattern) == []
    graph.node("change").remove()
    assert len(find_matches(model, pattern)) == 1


def test_refused_rewrites() -> None:
    """A replacement of another number of values, or one that depends on the match, leaves the model as it was."""
    model = make_blocks(1)
    text = str(model)
    with pytest.raises(GraphError, match="has 1 outputs, %relu, and got 2 instead"):
        rewrite(model, conv_norm_relu(), lambda match, site: (match["x"], match["x"]))
    with pytest.raises(GraphError, match="depends on node 'relu'"):
        rewrite(model, conv_norm_relu(), lambda match, site: site.add("aten::neg", match["act"].output))
    assert str(model) == text
    for wrong in ((), (wildcard(),)):
        with pytest.raises(GraphError, match="a pattern is made of steps"):
            Pattern(*wrong)  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(TypeError, match="take them by number"):
        list(step("aten::chunk"))


@unhurried
@given(models())
def test_rewriting_by_the_same_is_nothing(model: Model) -> None:
    """Every layer that matches, done again by the same member, is the same network; all stays valid."""
    digest = model.digest()
    pattern = Pattern(step("torch.nn.Linear", wildcard("x"), name="layer"))
    if any(node.op for graph in model.graphs.values() for node in graph.nodes if isinstance(node.op, Call)):
        rewrite(model, pattern, lambda match, site: site.again(match["layer"], match["x"], *match["layer"].args[1:]))
    model.verify()
    assert model.digest() == digest


def test_modules_by_value() -> None:
    """An op with its arguments can be added at a site, as well as a type with parameters."""
    model = make_blocks(1)
    linear = Module("torch.nn.Linear", (3, 4))
    rewrite(model, conv_norm_relu(), lambda match, site: site.add(linear, match["x"], name="fc"))
    assert model.root.members["fc"].op == linear
