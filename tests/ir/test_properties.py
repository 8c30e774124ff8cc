"""What holds for every model and every edit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from retix.errors import GraphError
from retix.ir import Call, Cell, Constant, Function, Model, Module, Node, find_violations, map_values, remove_dead
from tests.ir.random_models import Dice, attempt_edit, dice, edits, models, unhurried
from tests.ir.rewriting import find_alive, find_takers, rename, shuffle, spell_out


def write(model: Model) -> str:
    """The model as JSON text."""
    return json.dumps(model.to_json(), allow_nan=False)


def read_again(model: Model) -> Model:
    """The model, written and read: nothing that was found out about it before is known any more."""
    return Model.from_json(json.loads(write(model)))


@unhurried
@given(models())
def test_json_loses_nothing(model: Model) -> None:
    """What is read is valid, prints and digests the same, and is written the same again."""
    again = read_again(model)
    again.verify()
    assert (write(again), str(again), again.digest()) == (write(model), str(model), model.digest())


@unhurried
@given(models(), dice)
def test_edits_are_right_or_refused(model: Model, random: Dice) -> None:
    """An edit that is accepted leaves a valid model; one that is refused leaves the model as it was."""
    model.verify()
    for _ in range(5):
        before = write(model)
        try:
            attempt_edit(model, random)
        except GraphError:
            assert write(model) == before
        model.verify()


@unhurried
@given(st.data(), models())
def test_forks_are_apart(data: st.DataObject, model: Model) -> None:
    """Whatever is edited in a fork or in its parent, the other side stays as it was."""
    before = write(model), str(model), model.digest()
    fork = model.fork()
    assert (write(fork), str(fork), fork.digest()) == before
    data.draw(edits(fork))
    assert (write(model), str(model), model.digest()) == before
    changed = write(fork), fork.digest()
    data.draw(edits(model))
    assert (write(fork), fork.digest()) == changed


@unhurried
@given(st.data(), models())
def test_nodes_are_in_topological_order(data: st.DataObject, model: Model) -> None:
    """After any edits, a walk of the nodes passes each one behind those whose values it takes."""
    data.draw(edits(model))
    for graph in model.graphs.values():
        places = {node: place for place, node in enumerate([*graph.nodes, graph.result])}
        assert all(places[earlier] < places[node] for node in places for earlier in node.predecessors)
        assert all(graph.is_before(earlier, node) for node in places for earlier in node.predecessors)


@unhurried
@given(models(), dice)
def test_digest_sees_no_names(model: Model, random: Dice) -> None:
    """Other names, notes, and orders of members and dicts are the same network."""
    renamed = rename(model, random)
    renamed.verify()
    assert renamed.digest() == model.digest()


@unhurried
@given(models(), dice)
def test_digest_sees_no_order_of_independent_nodes(model: Model, random: Dice) -> None:
    """Nodes in another legal order are the same network."""
    shuffled = shuffle(model, random)
    shuffled.verify()
    assert shuffled.digest() == model.digest()


@unhurried
@given(st.data(), models())
def test_digest_sees_what_edits_change(data: st.DataObject, model: Model) -> None:
    """Where an edited model computes another term, its digest is another."""
    fork = model.fork()
    data.draw(edits(fork))
    assume(spell_out(fork) != spell_out(model))
    assert fork.digest() != model.digest()


def change_operator(node: Node) -> None:
    """Another operator, or another layer."""
    node.update_operation(Module("user.Other") if isinstance(node.op, Call) else Function("user::other"))


def change_literal(node: Node) -> None:
    """One more argument."""
    node.set_arguments([*node.args, 17], node.kwargs)


def change_keyword(node: Node) -> None:
    """One more keyword argument."""
    node.set_arguments(node.args, {**node.kwargs, "extra": None})


def change_wiring(node: Node) -> None:
    """A step between an input and the node."""
    value = node.inputs[0]
    node.replace_input(value, node.graph.add(Function("user::step"), [value], before=node).output)


def change_module(node: Node) -> None:
    """One more argument of the layer."""
    layer = node.operation
    if isinstance(layer, Module):
        node.update_operation(replace(layer, kwargs={**layer.kwargs, "extra": 1}))


def swap_results(node: Node) -> None:
    """Whoever took the first result takes the second, and the other way round."""
    first, second = node.outputs
    swapped = {first: second, second: first}
    for user in dict.fromkeys((*first.uses, *second.uses)):
        user.set_arguments(*map_values((user.args, user.kwargs), lambda value: swapped.get(value, value)))


CHANGES: list[Callable[[Node], None]] = [
    change_operator,
    change_literal,
    change_keyword,
    change_wiring,
    change_module,
    swap_results,
]


@unhurried
@given(st.data(), models(), st.sampled_from(CHANGES))
def test_digest_sees_real_changes(data: st.DataObject, model: Model, change: Callable[[Node], None]) -> None:
    """Another operator, argument, wiring, layer or result at a node that counts is another network."""
    fork = model.fork()
    alive = [node for node in find_alive(fork) if is_changeable(node, change, fork)]
    assume(alive)
    found = data.draw(st.sampled_from(alive))
    change(fork.graph(found.graph.name).node(found.name))
    fork.verify()
    assert fork.digest() != model.digest()


def is_changeable(node: Node, change: Callable[[Node], None], model: Model) -> bool:
    """Whether the change can be made here and is a change."""
    is_leaf = isinstance(node.op, Call) and isinstance(node.operation, Module)
    if change is change_module:
        return is_leaf
    if change is swap_results:
        first, second = [find_takers(value, model) for value in node.outputs] if len(node.outputs) == 2 else [set()] * 2
        return first != second
    return (is_leaf or isinstance(node.op, Function)) and (change is not change_wiring or bool(node.inputs))


@unhurried
@given(models())
def test_digest_sees_the_order_of_effects(model: Model) -> None:
    """Two steps that overwrite an input, in one order and in the other, are two networks."""
    left, right = model.fork(), model.fork()
    for side, order in ((left, ("add_", "mul_")), (right, ("mul_", "add_"))):
        graph = side.root
        first = next(iter(graph.nodes), graph.result)
        for name in order:
            graph.add(Function(f"aten::{name}"), [graph.inputs[0], 2], before=first)
        side.verify()
    assert left.digest() != right.digest()


@unhurried
@given(models())
def test_digest_sees_what_is_shared(model: Model) -> None:
    """A layer that is called twice, and two equal layers, are two networks."""
    digests = set()
    for count in (1, 2):
        fork = model.fork()
        graph = fork.root
        layers = [graph.add_member("twin", Module("torch.nn.Linear", (3, 3))) for _ in range(count)]
        calls = [graph.add(Call(layers[i % count]), [graph.inputs[0]]).output for i in range(2)]
        graph.set_result((graph.result.args[0], *calls))
        digests.add(fork.digest())
    assert len(digests) == 2


def lose_graph(model: Model, name: str) -> None:
    """One graph is gone."""
    if name != model.root_name:
        del model.graphs[name]


def widen(model: Model, name: str) -> None:
    """One more input, of which no caller knows."""
    model.graph(name).add_input("extra")


def lose_members(model: Model, name: str) -> None:
    """The members that the nodes use are gone."""
    model.graph(model.graph(name).region_of or name).members.clear()


def return_nothing(model: Model, name: str) -> None:
    """Another result, which does not do for a branch."""
    model.graph(name).set_result(None)


def contain_itself(model: Model, name: str) -> None:
    """A cell is the graph that it stands in."""
    owner = model.graph(model.graph(name).region_of or name)
    owner.add(Call(owner.add_member("inner", Cell(owner.name))), list(owner.inputs))


def make_constant_wrong(model: Model, name: str) -> None:
    """A node that breaks a rule of its own."""
    model.graph(name).add(Constant(), [1, 2])


BREAKS: list[Callable[[Model, str], None]] = [
    lose_graph,
    widen,
    lose_members,
    return_nothing,
    contain_itself,
    make_constant_wrong,
]


@unhurried
@given(st.data(), models())
def test_what_is_known_never_goes_stale(data: st.DataObject, model: Model) -> None:
    """However models were forked, verified, digested, cleaned and edited before, all is found as in a fresh copy."""
    for _ in range(3):
        fresh = read_again(model)
        assert model.digest() == fresh.digest()
        cleaned, cleaned_fresh = model.fork(), fresh.copy()
        remove_dead(cleaned)
        remove_dead(cleaned_fresh)
        assert write(cleaned) == write(cleaned_fresh)
        model.verify()
        model = data.draw(st.sampled_from([model.fork(), cleaned]))
        data.draw(edits(model))
    data.draw(st.sampled_from(BREAKS))(model, data.draw(st.sampled_from(sorted(model.graphs))))
    assert find_violations(model) == find_violations(model.copy())


@unhurried
@given(models())
def test_copies_are_equal(model: Model) -> None:
    """A copy prints, digests and is written the same."""
    twin = model.copy()
    assert (write(twin), str(twin), twin.digest()) == (write(model), str(model), model.digest())


@unhurried
@given(models())
def test_removing_the_dead_keeps_the_digest(model: Model) -> None:
    """Dead nodes, members and graphs do not count, and what is left is a valid model with no more of them."""
    digest = model.digest()
    remove_dead(model)
    model.verify()
    assert model.digest() == digest
    text = str(model)
    remove_dead(model)
    assert str(model) == text
