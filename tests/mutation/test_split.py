"""Inline choices as single mutators."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from retix.errors import SpaceError
from retix.ir import Function, Model, Module, Open, SelectInputs, is_open
from retix.mutation import FillMutator, LabelMutator, MutationSpace, Mutator, Sampler, answers, replay, split_choices
from tests.mutation.spaces import (
    make_chain,
    make_conditional_model,
    make_input_model,
    make_layer_choice,
    make_leaf,
    make_model,
    make_value,
)


class Last(Sampler):
    """Takes the last candidate."""

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        return candidates[-1]


def make_selecting_model() -> Model:
    """A model in which two decisions say together which of two layers is taken."""
    graph = make_chain(Module("torch.nn.Linear", (1,)), Module("torch.nn.Linear", (2,)))
    first, second = [node.output for node in graph.nodes]
    product = make_value("a", 1, 2) * make_value("b", 1, 2)
    conditions = (Open((product < 4).to_json()), Open((product == 4).to_json()))
    graph.set_result(graph.add(SelectInputs(conditions, "one"), [[first, second]], name="one").output)
    return make_model(graph)


def test_one_mutator_for_each_label() -> None:
    """Every label has a mutator with its candidates; one that fills in values follows where there are any."""
    mutators = split_choices(make_conditional_model())
    labels = [(mutator.label, mutator.candidates) for mutator in mutators if isinstance(mutator, LabelMutator)]
    assert labels == [
        ("op", ["wide", "cell", "none"]),
        ("width", [8, 16]),
        ("act", ["0", "1"]),
        ("rate", [0.1, 0.2, 0.3]),
    ]
    assert len(mutators) == 5
    assert isinstance(mutators[-1], FillMutator)
    assert [m.label for m in split_choices(make_input_model(3, 1, "sum"))] == ["inputs"]
    assert len(split_choices(make_selecting_model())) == 4
    assert split_choices(make_model(make_chain(Module("torch.nn.ReLU")))) == []


def test_applied_one_by_one() -> None:
    """One after the other they make the model that a space makes of the same answers, in whatever order."""
    base = make_conditional_model()
    wanted = {"op": "cell", "width": 16, "act": "1", "rate": 0.2}
    expected = MutationSpace(base).build({"op": "cell", "act": "1", "rate": 0.2}).digest()
    mutators = split_choices(base)
    for order in (mutators, mutators[::-1], mutators[2:] + mutators[:2]):
        model = base
        for mutator in order:
            model = mutator.apply(model, answers(wanted))
        assert model.digest() == expected
        assert replay(base, order, model.history).digest() == expected
        assert Model.from_json(model.to_json()).history == model.history
        assert {label: answer for m in model.history for label, answer in m.choices} == wanted


def test_samplers_answer() -> None:
    """A bound sampler is shown the candidates, one question for a choice of one."""
    model = make_conditional_model()
    for mutator in split_choices(model):
        model = mutator.bind_sampler(Last()).apply(model)
    assert [list(m.samples) for m in model.history] == [["none"], [16], ["1"], [0.3], []]
    assert model.root.members["layer0"].op == Module("torch.nn.Identity")


@pytest.mark.parametrize(("a", "b"), [*itertools.product((1, 2), (1, 2))])
def test_joint_conditions_wait_for_all_answers(a: int, b: int) -> None:
    """What two decisions say together is put in with the second of them."""
    base = make_selecting_model()
    first, second, *fill = split_choices(base)
    half = second.apply(base, answers({"b": b}))
    assert is_open(half.graphs["net"])
    whole = first.apply(half, answers({"a": a}))
    assert not is_open(whole.graphs["net"])
    assert whole.digest() == MutationSpace(base).build({"a": a, "b": b}).digest()
    for mutator in fill:
        assert mutator.apply(whole, answers({})).digest() == whole.digest()


def test_arguments_of_operators() -> None:
    """An operator's open argument is filled by its label's mutator alone."""
    graph = make_chain(make_layer_choice("op", Module("torch.nn.ReLU"), make_leaf(make_value("n", 1, 2))))
    rate = Open(make_value("rate", 0.1, 0.5).to_json())
    value = next(iter(graph.nodes)).output
    graph.set_result(graph.add(Function("aten::dropout"), [value, rate, True], name="drop").output)
    base = make_model(graph)
    by_label = {mutator.label: mutator for mutator in split_choices(base)}
    model = by_label["rate"].apply(base, answers({"rate": 0.5}))
    assert model.root.node("drop").args[1] == 0.5
    model = by_label["n"].apply(model, answers({"n": 2}))
    model = by_label["op"].apply(model, answers({"op": "1"}))
    assert model.root.members["layer0"].op == Module("torch.nn.Linear", (2,))


def test_contradicting_labels() -> None:
    """Labels that contradict each other have no mutator."""
    layers = [make_leaf(make_value("n", 1, 2)), make_leaf(make_value("n", 1, 3))]
    with pytest.raises(SpaceError, match="stands for two different choices"):
        split_choices(make_model(make_chain(*layers)))
