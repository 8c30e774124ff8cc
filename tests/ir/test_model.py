"""Models: forks, look-ups, and random models under random edits."""

from __future__ import annotations

import copy
import functools
import json
import pickle
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from retix.errors import GraphError
from retix.ir import Call, Cell, Constant, Model, ModelStatus, Module, remove_dead
from tests.ir.models import make_chain, make_if_model, make_model, make_rich_model


def make_cells() -> Model:
    """A root that calls two cells, both instances of one graph."""
    root = make_chain("Linear")
    value = root.result.args[0]
    for _ in range(2):
        value = root.add(Call(root.add_member("cell", Cell("cell"))), [value], name="cell").output
    root.set_result(value)
    return make_model(root, make_chain("Conv2d", "ReLU", name="cell"))


def test_fork_shares_until_one_side_edits() -> None:
    """A fork shares all graphs; an edit copies the one graph that it touches, on whichever side it happens."""
    model = make_cells()
    fork = model.fork()
    assert all(fork.graphs[name] is graph for name, graph in model.graphs.items())
    fork.graph("cell").node("relu").update_operation("torch.nn.ELU")
    assert fork.graphs["net"] is model.graphs["net"]
    assert "ELU" in str(fork)
    assert "ELU" not in str(model)
    model.root.insert_on(model.root.inputs[0], "flatten", "torch.nn.Flatten")
    assert "Flatten" not in str(fork)
    model.verify()
    fork.verify()


def test_forks_of_a_fork_are_apart() -> None:
    """Brothers, and a fork's fork, do not see each other's edits."""
    model = make_cells()
    children = [model.fork(), model.fork()]
    children.append(children[0].fork())
    for index, child in enumerate(children):
        child.root.node("linear").update_operation("torch.nn.Linear", {"out_features": index})
    texts = {str(child) for child in [model, *children]}
    assert len(texts) == 4
    assert len({child.digest() for child in [model, *children]}) == 4


def test_fork_of_branches_is_apart() -> None:
    """Changing a member through a node in a branch changes the fork only, branches and owner together."""
    model = make_if_model()
    fork = model.fork()
    (call,) = fork.get_nodes_by_type("torch.nn.Linear")
    call.update_operation("torch.nn.Identity")
    assert [node.type for node in fork.nodes()].count("torch.nn.Identity") == 1
    assert [node.type for node in model.nodes()].count("torch.nn.Identity") == 0
    assert model.digest() != fork.digest()
    model.verify()
    fork.verify()


def test_nodes_are_found_in_every_graph() -> None:
    """Nodes are found by the class they call, by operator and by label, also in cells and branches, editable."""
    model = make_rich_model().fork()
    assert [node.graph.name for node in model.get_nodes_by_type("torch.nn.Conv2d")] == ["net", "net:then", "cell"]
    assert [node.name for node in model.get_nodes_by_label("op")] == ["choice"]
    assert [node.name for node in model.get_nodes_by_label("inputs")] == ["picked"]
    assert [node.name for node in model.get_nodes_by_type("python::table")] == ["table"]
    assert model.get_nodes_by_label("nope") == []
    for node in model.nodes():
        assert model.graphs[node.graph.name] is node.graph
        assert not node.graph.frozen


def test_unknown_graph() -> None:
    """A graph that does not exist is named, with those that do."""
    with pytest.raises(GraphError, match="no graph 'nope'") as caught:
        make_cells().graph("nope")
    assert caught.value.fix == "it has net, cell"


def test_long_graphs_need_no_recursion() -> None:
    """Five thousand nodes in a row are verified, digested, copied, written and read."""
    model = make_model(make_chain(*["ReLU"] * 5_000))
    model.verify()
    again = Model.from_json(json.loads(json.dumps(model.to_json())))
    assert again.digest() == model.digest()
    remove_dead(again)
    assert len(again.fork().root) == 5_000


def count_calls(action: Callable[[], object]) -> int:
    """How many functions, Python's and C's, are called."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def insert_everywhere(model: Model) -> None:
    """A module behind every node."""
    for node in list(model.root.nodes):
        model.root.insert_on(node.output, "norm", "torch.nn.BatchNorm2d")


LINEAR: dict[str, Callable[[Model], object]] = {
    "verify": Model.verify,
    "digest": Model.digest,
    "print": str,
    "write": Model.to_json,
    "read": lambda model: Model.from_json(model.to_json()),
    "copy": lambda model: model.fork().root,
    "remove_dead": remove_dead,
    "insert": insert_everywhere,
    "networkx": Model.to_networkx,
}


@pytest.mark.parametrize("name", LINEAR)
def test_work_grows_with_the_number_of_nodes(name: str) -> None:
    """Twice the nodes take twice the steps, in-place activations with dead values among them."""
    small, large = (make_model(make_chain(*["Conv2d", "ReLU"] * n)) for n in (100, 200))
    for model in (small, large):
        for node in model.get_nodes_by_type("torch.nn.ReLU"):
            node.update_operation("torch.nn.ReLU", {"inplace": True})
    LINEAR[name](make_model(make_chain("ReLU")))  # what is imported or cached on first use
    steps = [count_calls(functools.partial(LINEAR[name], model)) for model in (small, large)]
    assert 1.5 * steps[0] < steps[1] < 2.5 * steps[0]


def test_shared_members_change_together() -> None:
    """Two nodes that call one member are one module: an update of either is seen by both."""
    graph = make_chain("Linear")
    graph.set_result(graph.add(Call("linear"), [graph.result.args[0]], name="again").output)
    graph.node("again").update_operation("torch.nn.ReLU")
    assert graph.node("linear").operation == Module("torch.nn.ReLU")


def test_copy_freezes_nothing() -> None:
    """A copy can be edited, and so can nodes of the model that are held already; neither sees the other's edits."""
    model = make_if_model()
    held = model.root.node("conv")
    twin = model.copy()
    assert (str(twin), twin.digest()) == (str(model), model.digest())
    held.update_operation("torch.nn.Identity")
    (branch_call,) = twin.get_nodes_by_type("torch.nn.Linear")
    branch_call.update_operation("torch.nn.Bilinear")
    assert ("Identity" in str(model), "Bilinear" in str(model)) == (True, False)
    assert ("Identity" in str(twin), "Bilinear" in str(twin)) == (False, True)
    model.verify()
    twin.verify()


def test_copies_and_pickles() -> None:
    """A model survives copy.deepcopy and pickle, and what is edited in one is not in the other."""
    model = make_rich_model()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (str(twin), twin.digest()) == (str(model), model.digest())
        twin.root.add(Constant(), [1])
        assert len(twin.root) == len(model.root) + 1


def test_constraints_and_what_is_known_of_a_model() -> None:
    """Constraints and the class go along with forks, copies and, but for the class, JSON; results stay behind."""
    model = make_rich_model()
    model.python_class, model.metric, model.status = dict, 0.5, ModelStatus.Trained
    model.intermediate_metrics.append(0.25)
    for twin in (model.fork(), model.copy(), Model.from_json(model.to_json())):
        assert twin.constraints == model.constraints != ()
        assert (twin.status, twin.metric, twin.intermediate_metrics) == (ModelStatus.Mutating, None, [])
    assert (model.fork().python_class, model.copy().python_class) == (dict, dict)
    without = model.copy()
    without.constraints = ()
    assert without.digest() == model.digest()
