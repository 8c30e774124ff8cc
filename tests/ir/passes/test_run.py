"""Passes one after another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retix.errors import GraphError
from retix.ir import Attribute, Function, If, Model, remove_dead, run_passes, simplify
from tests.ir.models import make_chain, make_function, make_model
from tests.ir.random_models import edits, models, unhurried


def make_layered() -> Model:
    """A graph in which a fold makes two steps equal, and the merge of these makes another dead."""
    graph, (x,) = make_function("net")
    two = graph.add(Function("python::add"), [1, 1], name="two").output
    left = graph.add(Function("aten::tanh"), [x], name="left").output
    left = graph.add(Function("aten::pow"), [left, two], name="left").output
    right = graph.add(Function("aten::tanh"), [x], name="right").output
    right = graph.add(Function("aten::pow"), [right, 2], name="right").output
    graph.add(Function("aten::relu"), [left], name="dead")
    graph.set_result(graph.add(Function("aten::add"), [left, right], name="sum").output)
    return make_model(graph)


def test_each_pass_reports() -> None:
    """Reports say what is different, and which nodes are gone."""
    model = make_layered()
    fold, merge, dead = run_passes(model)
    assert [report.name for report in (fold, merge, dead)] == ["fold_constants", "merge_equal", "remove_dead"]
    assert fold.removed[0] == ("net", "two")
    assert [(entry.node, part.before, part.after) for entry in fold.diff.changed for part in entry.parts] == [
        ("left_1", "%two", "2")
    ]
    assert {node for _, node in merge.removed} == {"right", "right_1"}
    assert [entry.node for entry in merge.diff.removed] == ["right", "right_1"]
    assert [node.name for node in model.root.nodes] == ["left", "left_1", "sum"]
    assert not any(run_passes(model))


def test_remove_dead_reports_nodes() -> None:
    """Dead nodes are no difference, and are reported as gone."""
    (report,) = run_passes(make_layered(), [remove_dead])
    assert report
    assert not report.diff
    assert report.removed == (("net", "dead"),)


def test_broken_models_are_refused() -> None:
    """A model that breaks a rule stops the passes, before the first and after the one that broke it."""
    ran = []

    def spoil(model: Model) -> None:
        ran.append("spoil")
        model.root.inputs = ()

    model = make_layered()
    with pytest.raises(GraphError, match="breaks"):
        run_passes(model, [spoil, remove_dead])
    with pytest.raises(GraphError, match="breaks"):
        run_passes(model, [spoil])
    assert ran == ["spoil"]


def test_simplify_goes_on_until_nothing_is_left() -> None:
    """A merge that makes both branches agree, and a fold that makes a branch equal, lead to each other."""
    model = make_layered()
    root = model.root
    training = root.add(Attribute("training"), name="training").output
    flag = root.add(Function("python::or"), [training, True], name="flag").output
    graphs = [make_chain(name=f"net:{side}") for side in ("then", "else")]
    for graph in graphs:
        graph.region_of = "net"
        graph.set_result((graph.add(Function("aten::tanh"), graph.inputs, name="again").output,))
        model.graphs[graph.name] = graph
    chosen = root.add(If("net:then", "net:else"), [flag, root.inputs[0]], name="chosen").output
    root.set_result(root.add(Function("aten::add"), [root.result.args[0], chosen], name="all").output)
    model.verify()
    assert simplify(model)
    model.verify()
    assert list(model.graphs) == ["net"]
    assert [node.name for node in model.root.nodes] == ["left", "left_1", "sum", "all"]
    assert not simplify(model)


@unhurried
@given(st.data(), models())
def test_simplify_keeps_models_valid(data: st.DataObject, model: Model) -> None:
    """Random models stay valid, parents stay as they were, and a second time nothing is left to do."""
    data.draw(edits(model))
    text = str(model)
    fork = model.fork()
    simplify(fork)
    fork.verify()
    assert str(model) == text
    before = fork.digest()
    assert not simplify(fork)
    assert fork.digest() == before
