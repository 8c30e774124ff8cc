"""The space of a base model and its mutators."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from retix.errors import MutationError, SpaceError
from retix.ir import Call, Cell, Function, Model, Module, Mutation, Open
from retix.mutation import MutationSpace, Mutator
from retix.space import Decision, Sample
from retix.strategy import GridSearch, Random, RegularizedEvolution, Strategy
from retix.trial import Trial, TrialState
from tests.mutation.spaces import (
    make_chain,
    make_conditional_model,
    make_input_model,
    make_layer_choice,
    make_leaf,
    make_model,
    make_value,
)


class Stack(Mutator):
    """Puts one or two layers, each of one of two widths, before the model."""

    def mutate(self, model: Model) -> None:
        for _ in range(self.choice([1, 2])):
            graph = model.root
            graph.insert_on(graph.inputs[0], "fc", "torch.nn.Linear", {"out_features": self.choice([8, 16])})


BRUTE_FORCE = {
    *(Sample({"op": "wide", "width": width}) for width in (8, 16)),
    *(Sample({"op": "cell", "act": a, "rate": r}) for a, r in itertools.product("01", (0.1, 0.2, 0.3))),
    Sample({"op": "none"}),
}


def add_stack(samples: set[Sample]) -> set[Sample]:
    """The samples with every answer to the choices of `Stack`."""
    stacks = [{"Stack/0": 1, "Stack/1": a} for a in (8, 16)]
    stacks += [{"Stack/0": 2, "Stack/1": a, "Stack/2": b} for a, b in itertools.product((8, 16), repeat=2)]
    return {Sample({**sample, **stack}) for sample in samples for stack in stacks}


def ask_all(strategy: Strategy, space: MutationSpace) -> list[Sample]:
    """Everything that the strategy proposes before it returns None."""
    strategy.start(space)
    return [proposal.sample for proposal in iter(strategy.ask, None)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_grid_search_gives_exactly_the_space(shuffle: bool) -> None:
    """A grid over inline choices and a dynamic mutator has each sample once, and no other."""
    plain = ask_all(GridSearch(shuffle, seed=1), MutationSpace(make_conditional_model()))
    assert len(plain) == len(BRUTE_FORCE)
    assert set(plain) == BRUTE_FORCE
    stacked = ask_all(GridSearch(shuffle, seed=1), MutationSpace(make_conditional_model(), [Stack()]))
    assert len(stacked) == len(add_stack(BRUTE_FORCE))
    assert set(stacked) == add_stack(BRUTE_FORCE)


def test_random_search_without_duplicates_gives_the_space() -> None:
    """Random search that drops equal networks ends with one sample of each."""
    space = MutationSpace(make_conditional_model(), [Stack()])
    samples = ask_all(Random(seed=3), space)
    assert len({space.fingerprint(sample) for sample in samples}) == len(samples)
    assert {space.fingerprint(sample) for sample in samples} == {
        space.fingerprint(sample) for sample in add_stack(BRUTE_FORCE)
    }


def test_evolution_walks_the_space() -> None:
    """Evolution proposes samples of the space that can be built, from a space that invents decisions."""
    space = MutationSpace(make_conditional_model(), [Stack()])
    strategy = RegularizedEvolution(population_size=6, sample_size=3, seed=5)
    strategy.start(space)
    seen = set()
    for number in range(1, 31):
        proposal = strategy.ask()
        if proposal is None:
            break
        seen.add(proposal.sample)
        metrics = {"default": float(len(proposal.sample))}
        strategy.tell(Trial(number, proposal.sample, TrialState.SUCCEEDED, metrics, parent=proposal.parent))
    assert seen <= add_stack(BRUTE_FORCE)
    assert len(seen) > 6


def test_walk_build_and_fingerprint_agree() -> None:
    """A sample builds the same model however and however often it is built, on any copy of the space."""
    space, other = (MutationSpace(make_conditional_model(), [Stack()]) for _ in range(2))
    rng = random.Random(0)
    for _ in range(30):
        sample = space.walk(lambda decision: decision.draw(rng))
        built = space.build(sample)
        again = Sample(json.loads(json.dumps(sample.to_json())))
        assert again == sample
        rebuilt = other.build(again)
        assert rebuilt.digest() == built.digest() == space.fingerprint(sample) == other.fingerprint(again)
        assert rebuilt.to_json() == built.to_json()
        assert Sample({k: v for m in built.history for k, v in m.choices}) == sample
        built.verify()


def test_different_networks_have_different_fingerprints() -> None:
    """In a space where every choice matters there are as many fingerprints as samples."""
    space = MutationSpace(make_conditional_model())
    assert len({space.fingerprint(sample) for sample in BRUTE_FORCE}) == len(BRUTE_FORCE)


def test_unused_branch_is_not_asked() -> None:
    """What no output depends on is no part of the space."""
    graph = make_chain(Module("torch.nn.ReLU"))
    dead = graph.add_member("dead", make_leaf(make_value("dead", 1, 2)))
    graph.add(Call(dead), [graph.inputs[0]], name="dead")
    space = MutationSpace(make_model(graph))
    assert ask_all(GridSearch(), space) == [Sample()]
    assert space.size == 1
    with pytest.raises(SpaceError, match="answers 'dead', which this model does not ask"):
        space.build({"dead": 1})


def test_inputs_in_any_order_are_checked() -> None:
    """The answers to an input choice are rising indices, also after JSON made lists of them."""
    space = MutationSpace(make_input_model(3, 2, "sum"))
    assert space.build(Sample({"inputs": [0, 2]})).digest() == space.build({"inputs": (0, 2)}).digest()
    with pytest.raises(SpaceError, match="does not answer the choice 'inputs'"):
        space.build({"inputs": (2, 0)})


def test_unknown_and_missing_labels() -> None:
    """A sample answers exactly what its model asks."""
    space = MutationSpace(make_conditional_model())
    with pytest.raises(SpaceError, match="the sample answers 'rate', which this model does not ask"):
        space.build(Sample({"op": "wide", "width": 8, "rate": 0.1}))
    with pytest.raises(SpaceError, match="the sample has no answer to the choice 'width'"):
        space.build(Sample({"op": "wide"}))
    with pytest.raises(SpaceError, match="9 does not answer the choice 'width'"):
        space.build(Sample({"op": "wide", "width": 9}))


def test_labels_of_an_earlier_history_are_not_this_samples() -> None:
    """What was chosen on the way to the base model is no part of the sample."""
    base = make_conditional_model()
    base.history = (Mutation("before", (("old", 1),)),)
    with pytest.raises(SpaceError, match="answers 'old'"):
        MutationSpace(base).build(Sample({"op": "none", "old": 1}))


CONFLICTS = [
    make_model(make_chain(make_leaf(make_value("n", 1, 2)), make_leaf(make_value("n", 1, 3)))),
    make_model(
        make_chain(
            make_layer_choice("op", Module("torch.nn.Identity"), make_leaf(make_value("n", 1, 2))),
            make_leaf(make_value("n", 1, 2, 3)),
        )
    ),
    make_model(
        make_chain(make_layer_choice("op", make_leaf(make_value("n", 1)), make_leaf(make_value("n", 2)))),
    ),
    make_model(
        make_chain(make_layer_choice("op", Module("torch.nn.Identity"), Cell("cell"))),
        make_chain(make_layer_choice("op", Module("torch.nn.Identity")), name="cell"),
    ),
    make_model(make_chain(make_leaf(make_value("n", 1) + make_value("n", 2)))),
]


@pytest.mark.parametrize("index", range(len(CONFLICTS)))
def test_contradictions_are_found_at_definition(index: int) -> None:
    """Labels that contradict each other are refused before any model is built, even where no model holds both."""
    with pytest.raises(SpaceError, match=r"the label '(n|op)' stands for two different choices"):
        MutationSpace(CONFLICTS[index])


def test_contradiction_between_values_inputs_and_operators() -> None:
    """The pass covers input choices, nested objects and arguments of operators."""
    inputs = make_input_model(2, 1, "sum")
    open_argument = Open(make_value("inputs", "a", "b").to_json())
    in_object, in_operator = inputs.fork(), inputs.fork()
    in_object.root.add_member("unused", Module("A", (), {"b": [Module("B", (open_argument,))]}))
    in_operator.root.add(Function("aten::f"), [open_argument])
    for fork in (in_object, in_operator):
        with pytest.raises(SpaceError, match="the label 'inputs' stands for two different choices"):
            MutationSpace(fork)


def test_contradiction_of_a_mutator() -> None:
    """A mutator that asks a known label with other candidates is refused when it asks."""

    class Contradicting(Mutator):
        def mutate(self, model: Model) -> None:
            self.choice([1, 2, 3], label="op")

    with pytest.raises(SpaceError, match="the label 'op' stands for two different choices"):
        MutationSpace(make_conditional_model(), [Contradicting()]).walk(Decision.first)


def test_later_edits_of_the_base_do_not_reach_the_space() -> None:
    """The space is what it was when it was made."""
    base = make_conditional_model()
    space = MutationSpace(base)
    before = space.fingerprint(Sample({"op": "none"}))
    base.root.insert_on(base.root.inputs[0], "extra", "torch.nn.ReLU")
    assert MutationSpace(make_conditional_model()).fingerprint(Sample({"op": "none"})) == before
    assert space.build(Sample({"op": "none"})).digest() == before


def test_built_models_may_be_edited() -> None:
    """Editing a model that was built, or just walked, changes no later one."""
    space = MutationSpace(make_conditional_model())
    sample = space.walk(Decision.first)
    before = space.fingerprint(sample)
    for _ in range(2):
        model = space.build(sample)
        model.root.insert_on(model.root.inputs[0], "extra", "torch.nn.ReLU")
        assert model.digest() != before
        assert space.fingerprint(sample) == before


def test_broken_mutator_in_a_space() -> None:
    """A mutator that fails ends the sample; building it names the mutator."""

    class Failing(Mutator):
        def mutate(self, model: Model) -> None:
            raise KeyError("x")

    space = MutationSpace(make_conditional_model(), [Failing()])
    sample = space.walk(Decision.first)
    assert space.fingerprint(sample) == sample.key
    with pytest.raises(MutationError, match="mutator 'Failing' failed: KeyError"):
        space.build(sample)
