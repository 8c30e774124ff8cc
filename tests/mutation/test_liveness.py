"""Which decisions a model depends on, and how many models that makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from retix.errors import SpaceError
from retix.ir import (
    Call,
    Cell,
    ChooseInputs,
    Function,
    Graph,
    If,
    LayerChoice,
    Member,
    Model,
    Module,
    Open,
    SelectInputs,
    Value,
    remove_dead,
)
from retix.mutation import MutationSpace, Mutator
from retix.space import Chosen, Decision, Sample, apply, constraint
from retix.strategy import GridSearch, Random
from tests.mutation.random_spaces import list_assignments, models, resolve_all


def list_samples(space: MutationSpace, most: int = 3000) -> list[Sample]:
    """Every sample of a small space, by walking it."""
    strategy = GridSearch(shuffle=False)
    strategy.start(space)
    found = []
    for proposal in iter(strategy.ask, None):
        found.append(proposal.sample)
        assert len(found) <= most
    return found


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(models())
def test_walks_are_the_space(model: Model) -> None:
    """Walks ask exactly what matters: their networks are those of all answers, and their number is the size."""
    assignments = list_assignments(model)
    assume(len(assignments) <= 300)
    space = MutationSpace(model)
    samples = list_samples(space)
    assert space.size == len(samples) == len(set(samples))
    walked = {space.build(sample).digest() for sample in samples}
    every = set()
    for answers in assignments:
        made = resolve_all(model, answers)
        remove_dead(made)
        made.verify()
        every.add(made.digest())
    assert walked == every


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(models())
def test_nothing_is_left_to_remove(model: Model) -> None:
    """What is built has no dead nodes, members or graphs, also where they are looked for anew."""
    space = MutationSpace(model)
    for sample in list_samples(space)[:20]:
        copied = space.build(sample).copy()
        before = _count(copied)
        remove_dead(copied)
        assert _count(copied) == before


def _count(model: Model) -> dict[str, tuple[list[str], list[str]]]:
    return {n: ([node.name for node in g.nodes], list(g.members)) for n, g in model.graphs.items()}


def make_value(label: str, *candidates: Any) -> Chosen:
    """A choice of a value."""
    return Chosen(Decision(label, candidates))


def make_leaf(label: str) -> Module:
    """A layer with a choice in it."""
    return Module("torch.nn.Linear", (Open(make_value(label, 1, 2).to_json()),))


def make_net() -> tuple[Graph, Model]:
    """A model of one graph with one input, still empty."""
    graph = Graph("net", "Net")
    graph.add_input("x")
    return graph, Model({"net": graph}, "net")


def call(graph: Graph, op: Any, value: Value, name: str = "layer") -> Value:
    """Call a new member."""
    return graph.add(Call(graph.add_member(name, op)), [value], name=name).output


def walk(space: MutationSpace, **answers: Any) -> Sample:
    """The sample in which what is not given takes its first answer."""
    return space.complete(answers)


def test_inputs_that_are_not_chosen_are_not_asked() -> None:
    """A branch is asked about if its end is chosen; what all branches share is asked first."""
    graph, model = make_net()
    stem = call(graph, make_leaf("stem"), graph.inputs[0])
    ends = [call(graph, make_leaf(f"w{index}"), stem) for index in range(3)]
    graph.set_result(graph.add(ChooseInputs("pick", 3, 1), [ends]).output)
    space = MutationSpace(model)
    assert list(walk(space, pick=(1,))) == ["stem", "pick", "w1"]
    assert space.size == 2 * 3 * 2
    found = {decision.label: decision for decision in space.decisions}
    assert found["stem"].condition is None
    assert str(found["w1"].condition) == "pick includes 1"
    assert found["w1"].dependents == ("net.layer_2",)


def test_unused_inputs_of_a_cell() -> None:
    """What leads only to an input that a cell does not use under the answers is not asked; the call gives None."""
    graph, model = make_net()
    inner = Graph("cell", "Cell")
    inputs = [inner.add_input(name) for name in "ab"]
    inner.set_result(inner.add(ChooseInputs("pick", 2, 1), [inputs]).output)
    model.graphs["cell"] = inner
    ends = [call(graph, make_leaf(f"w{index}"), graph.inputs[0]) for index in range(2)]
    graph.set_result(graph.add(Call(graph.add_member("cell", Cell("cell"))), ends).output)
    space = MutationSpace(model)
    assert list(walk(space, pick=(1,))) == ["pick", "w1"]
    assert space.size == 4
    node = next(node for node in space.build({"pick": (1,), "w1": 1}).root.nodes if node.type == "cell")
    assert node.args[0] is None


def test_blocks_beyond_the_depth() -> None:
    """Of a chain that is cut at a chosen depth, what comes behind the cut is not asked."""
    graph, model = make_net()
    depth = make_value("depth", 1, 2, 3)
    values = [graph.inputs[0]]
    for index in range(3):
        values.append(call(graph, make_leaf(f"w{index}"), values[-1]))
    conditions = tuple(Open((depth == index + 1).to_json()) for index in range(3))
    graph.set_result(graph.add(SelectInputs(conditions, "one"), [values[1:]]).output)
    space = MutationSpace(model)
    assert list(walk(space, depth=2)) == ["w0", "depth", "w1"]
    assert space.size == 2 + 4 + 8
    assert str({d.label: d for d in space.decisions}["w2"].condition) == "depth = 3"


def test_lazy_conditions() -> None:
    """Only the arm of a condition that is taken is asked."""
    graph, model = make_net()
    flag = make_value("flag", True, False)
    width = apply("condition", flag, make_value("big", 8, 9), make_value("small", 1, 2, 3) + 0)
    graph.set_result(call(graph, Module("torch.nn.Linear", (Open(width.to_json()),)), graph.inputs[0]))
    space = MutationSpace(model)
    assert list(walk(space, flag=False)) == ["flag", "small"]
    assert space.size == 2 + 3


@pytest.mark.parametrize("taken", [True, False])
def test_branches_by_a_choice(taken: bool) -> None:
    """An `if` on a choice becomes the branch that is taken, written in place; the other is gone and not asked."""
    graph, model = make_net()
    flag = Open((make_value("k", 1, 2) == 1).to_json())
    graph.add_member("a", make_leaf("a"))
    graph.add_member("b", make_leaf("b"))
    node = graph.add(If("net:then", "net:else"), [flag, graph.inputs[0]], name="y")
    graph.set_result(graph.add(Function("aten::relu"), [node.output], name="relu").output)
    for name, member in (("then", "a"), ("else", "b")):
        branch = Graph(f"net:{name}", "Net", region_of="net")
        branch.set_result((branch.add(Call(member), [branch.add_input("x")], name="relu").output,))
        model.graphs[branch.name] = branch
    space = MutationSpace(model)
    sample = walk(space, k=1 if taken else 2)
    assert list(sample) == ["k", "a" if taken else "b"]
    assert space.size == 4
    built = space.build(sample)
    assert list(built.graphs) == ["net"]
    assert list(built.root.members) == ["a" if taken else "b"]
    assert [node.name for node in built.root.nodes] == ["relu_1", "relu"]
    built.verify()


def test_effects_count() -> None:
    """What changes an input in place matters although nobody takes its value; a private change does not."""
    graph, model = make_net()
    hidden = call(graph, make_leaf("hidden"), graph.inputs[0])
    call(graph, Module("torch.nn.ReLU", (True,)), hidden, "private")
    rate = Open(make_value("rate", 0.1, 0.2).to_json())
    graph.add(Function("aten::mul_"), [graph.inputs[0], rate], name="seen")
    graph.set_result(call(graph, Module("torch.nn.ReLU"), graph.inputs[0], "act"))
    space = MutationSpace(model)
    assert list(walk(space)) == ["rate"]
    assert space.size == 2
    assert "mul_" in str(space.build({"rate": 0.2}))
    assert "hidden" not in str(space.build({"rate": 0.2}))


def test_candidates_with_effects_are_asked() -> None:
    """A layer that is not used is asked about if one of its candidates would change what others see."""
    graph, model = make_net()
    options = (("quiet", Member(Module("torch.nn.Linear"))), ("loud", Member(Module("torch.nn.ReLU", (True,)))))
    call(graph, LayerChoice("act", options), graph.inputs[0], "act")
    graph.set_result(call(graph, Module("torch.nn.Linear", (3,)), graph.inputs[0], "end"))
    space = MutationSpace(model)
    assert space.size == 2
    assert len(list(space.build({"act": "quiet"}).root.nodes)) == 1
    assert len(list(space.build({"act": "loud"}).root.nodes)) == 2


def test_skip_connections() -> None:
    """Layers that choose among all earlier ones are alive as far as a later one chooses them: counted as walked."""
    graph, model = make_net()
    values = [graph.inputs[0]]
    for index in range(4):
        taken = graph.add(ChooseInputs(f"skip{index}", len(values), -1), [list(values)]).output
        values.append(call(graph, make_leaf(f"w{index}"), taken))
    graph.set_result(values[-1])
    space = MutationSpace(model)
    assert space.size == len(list_samples(space, 5000))


def test_large_spaces_are_counted() -> None:
    """The size is exact where no walk could ever list it: shared labels count once, long chains cost nothing."""
    graph, model = make_net()
    value = graph.inputs[0]
    for index in range(60):
        options = tuple((str(i), Member(make_leaf(f"w{index}_{i}"))) for i in range(4))
        value = call(graph, LayerChoice(f"op{index % 40}", options), value)
    graph.set_result(value)
    assert MutationSpace(model).size == (4 * 4) ** 20 * (4 * 2) ** 20


def test_own_mutators_have_no_size() -> None:
    """What a mutator of one's own asks is not known beforehand."""

    class Nothing(Mutator):
        def mutate(self, model: Model) -> None:
            self.choice([1, 2])

    graph, model = make_net()
    graph.set_result(call(graph, make_leaf("w"), graph.inputs[0]))
    assert MutationSpace(model, [Nothing()]).size is None
    assert MutationSpace(model).size == 2


def test_constraints_of_a_model() -> None:
    """Constraints of the model and of the space hold in walks, size and build; dead decisions free from them."""
    graph, model = make_net()
    wide, deep = make_value("wide", 8, 16, 32), make_value("deep", 1, 2, 4)
    body = Module("torch.nn.Linear", (Open(wide.to_json()), Open(deep.to_json())))
    options = (("body", Member(body)), ("none", Member(Module("torch.nn.Identity"))))
    graph.set_result(call(graph, LayerChoice("op", options), graph.inputs[0]))
    model.constraints = (constraint(wide * deep <= 32).to_json(),)
    space = MutationSpace(model, constraints=[constraint(wide > 8)])
    kept = [(16, 1), (16, 2), (32, 1)]
    expected = {Sample({"op": "none"}), *(Sample({"op": "body", "wide": w, "deep": d}) for w, d in kept)}
    assert set(list_samples(space)) == expected
    assert space.size == len(expected)
    with pytest.raises(SpaceError, match="8 does not answer the choice 'wide' here"):
        space.build({"op": "body", "wide": 8, "deep": 1})
    with pytest.raises(SpaceError, match="speaks of the choice 'other'"):
        MutationSpace(model, constraints=[constraint(make_value("other", 1, 2) > 1)])


def test_constraint_on_a_mutators_choice() -> None:
    """A rule on what a mutator asks is looked at when its answer is known, and no strategy proposes a breach."""

    class Scale(Mutator):
        def mutate(self, model: Model) -> None:
            self.choice([1, 2, 3], label="scale")

    graph, model = make_net()
    graph.set_result(call(graph, make_leaf("w"), graph.inputs[0]))
    rule = constraint(make_value("w", 1, 2) < make_value("scale", 1, 2, 3))
    space = MutationSpace(model, [Scale()], constraints=[rule])
    assert {(s["w"], s["scale"]) for s in list_samples(space)} == {(1, 2), (1, 3), (2, 3)}
    strategy = Random(seed=0, dedup=False)
    strategy.start(space)
    asked = [strategy.ask() for _ in range(20)]
    assert all(proposal is not None and space.permits(proposal.sample) for proposal in asked)
    with pytest.raises(SpaceError, match="breaks the constraint"):
        MutationSpace(model, [Scale()], constraints=[rule]).build({"w": 2, "scale": 1})


def test_extras() -> None:
    """Choices beside the network are part of the samples, lazily, and make different trials of equal networks."""
    graph, model = make_net()
    graph.set_result(call(graph, make_leaf("w"), graph.inputs[0]))
    rate = apply("condition", make_value("w", 1, 2) == 1, make_value("slow", 0.1, 0.2), make_value("fast", 1, 2, 3))
    space = MutationSpace(
        model, extras={"evaluator.rate": [rate]}, constraints=[constraint(make_value("fast", 1, 2, 3) < 3)]
    )
    samples = list_samples(space)
    assert space.size == len(samples) == 2 + 2
    assert {tuple(sample) for sample in samples} == {("w", "slow"), ("w", "fast")}
    assert len({space.fingerprint(sample) for sample in samples}) == 4
    assert {d.label: d for d in space.decisions}["slow"].dependents == ("evaluator.rate",)
    again = MutationSpace(model, extras={"evaluator.rate": rate})
    assert again.build({"w": 1, "slow": 0.2}).digest() == again.build({"w": 1, "slow": 0.1}).digest()
    with pytest.raises(SpaceError, match="no answer to the choice 'fast'"):
        again.build({"w": 2})
