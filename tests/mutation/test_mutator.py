"""Mutators that users write."""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from retix.errors import ConversionError, GraphError, InvalidMutation, MutationError, SpaceError
from retix.ir import Call, Cell, Model, Module, Mutation, Node
from retix.mutation import InlineMutator, MutationSpace, Mutator, Sampler, answers, replay
from retix.space import Choice, Decision, Sample
from tests.mutation.spaces import make_chain, make_layer_choice, make_model

Edit = Callable[[Mutator, Model], Any]


class Mutating(Mutator):
    """Does what it is given."""

    def __init__(self, edit: Edit, label: str | None = None) -> None:
        super().__init__(label)
        self.edit = edit

    def mutate(self, model: Model) -> None:
        self.edit(self, model)


def make_base() -> Model:
    """Two convolutions with an activation between them."""
    return make_model(make_chain(*(Module(f"torch.nn.{name}") for name in ("Conv2d", "ReLU", "Conv2d"))))


def types_of(model: Model) -> list[str]:
    """The types of the root's nodes in order."""
    return [node.type for node in model.root.nodes]


def take_last(decision: Decision) -> Choice:
    """Answers with the last option."""
    return list(decision.options())[-1]


class Deeper(Mutator):
    """Asks how many blocks there shall be, then for the width of each."""

    def mutate(self, model: Model) -> None:
        graph = model.root
        depth = self.choice([1, 2, 3])
        for _ in range(depth):
            node = graph.insert_on(graph.inputs[0], "fc", "torch.nn.Linear", {"out_features": self.choice([8, 16])})
            graph.insert_on(node.output, "act", "torch.nn.ReLU")


def test_edits_by_type_and_label() -> None:
    """A mutator finds nodes by type and label, changes, adds and removes them, and leaves the base as it was."""

    def edit(mutator: Mutator, model: Model) -> None:
        for conv in model.get_nodes_by_type("torch.nn.Conv2d"):
            conv.update_operation("torch.nn.Conv2d", {"out_channels": mutator.choice([8, 16])})
        (placeholder,) = model.get_nodes_by_label("spot")
        placeholder.update_operation("torch.nn.GELU")
        (relu,) = model.get_nodes_by_type("torch.nn.ReLU")
        relu.graph.erase(relu, relu.inputs[0])
        model.root.insert_on(model.root.inputs[0], "pad", "torch.nn.ZeroPad2d", {"padding": 1})

    ops = [Module("torch.nn.Conv2d"), Module("torch.nn.ReLU"), make_layer_choice("spot", Module("torch.nn.Identity"))]
    base = make_model(make_chain(*ops))
    text = str(base)
    mutated = Mutating(edit, "user").apply(base, take_last)
    assert types_of(mutated) == ["torch.nn.ZeroPad2d", "torch.nn.Conv2d", "torch.nn.GELU"]
    assert mutated.root.members["layer0"].op == Module("torch.nn.Conv2d", (), {"out_channels": 16})
    assert sorted(mutated.root.members) == ["layer0", "layer2", "pad"]
    assert mutated.history == (Mutation("user", (("user/0", 16),)),)
    assert str(base) == text


def test_mutators_compose() -> None:
    """Each mutator sees what those before it have made, and the history has them in order."""

    def double(mutator: Mutator, model: Model) -> None:
        for relu in model.get_nodes_by_type("torch.nn.ReLU"):
            model.root.insert_on(relu.output, "again", mutator.choice(["torch.nn.ReLU", "torch.nn.ELU"]))

    model = make_base()
    for label in ("first", "second"):
        model = Mutating(double, label).apply(model, lambda d: d.first())
    assert types_of(model).count("torch.nn.ReLU") == 4
    assert [m.label for m in model.history] == ["first", "second"]
    assert [len(m.choices) for m in model.history] == [1, 2]


def test_dynamic_number_of_choices() -> None:
    """How many choices there are may depend on the answers; the sample is their labels in order."""
    space = MutationSpace(make_base(), [Deeper()])
    sample = space.walk(take_last)
    assert sample == Sample({"Deeper/0": 3, "Deeper/1": 16, "Deeper/2": 16, "Deeper/3": 16})
    assert types_of(space.build(sample)).count("torch.nn.Linear") == 3
    assert len(space.complete({"Deeper/0": 1})) == 2


def test_candidates_of_any_type() -> None:
    """Candidates that are no JSON values are told apart by their index, and come back as they are."""
    options = [Module("torch.nn.ReLU"), Module("torch.nn.ELU"), Module("torch.nn.GELU")]

    def edit(mutator: Mutator, model: Model) -> None:
        (relu,) = model.get_nodes_by_type("torch.nn.ReLU")
        relu.update_operation(mutator.choice(options))

    mutated = Mutating(edit, "act").apply(make_base(), answers({"act/0": 2}))
    assert types_of(mutated)[1] == "torch.nn.GELU"


@pytest.mark.parametrize("answer", [1, True, 1.0, "1", None, (1, 2)])
def test_equal_looking_candidates(answer: Any) -> None:
    """Candidates that Python calls equal are different JSON values, and the one that was chosen comes back."""
    options = [1, True, 1.0, "1", None, [1, 2]]
    found: list[Any] = []
    mutator = Mutating(lambda m, _: found.append(m.choice(options)), "m")
    mutator.apply(make_base(), answers({"m/0": answer}))
    assert repr(found) == repr([list(answer) if isinstance(answer, tuple) else answer])


def test_choose_several() -> None:
    """`choose` returns the chosen candidates in their order; None allows any number."""
    found: list[Any] = []

    def edit(mutator: Mutator, model: Model) -> None:
        found.append(mutator.choose("abcd", 2))
        found.append(mutator.choose("abcd", None, label="any"))

    Mutating(edit, "m").apply(make_base(), answers({"m/0": (1, 3), "any": (0,)}))
    assert found == [["b", "d"], ["a"]]


def test_own_labels() -> None:
    """A choice with a label of its own is the same decision wherever that label comes."""
    found: list[Any] = []

    def edit(mutator: Mutator, model: Model) -> None:
        found.extend(mutator.choice([1, 2], label="shared") for _ in range(2))

    space = MutationSpace(make_base(), [Mutating(edit, "a"), Mutating(edit, "b")])
    assert space.walk(take_last) == Sample({"shared": 2})
    assert found == [2, 2, 2, 2]


def test_mutators_of_one_class_choose_independently() -> None:
    """Several mutators of one class without labels get different ones; the objects themselves stay as they are."""
    mutators = [Deeper(), Deeper(), Deeper("Deeper_1")]
    space = MutationSpace(make_base(), mutators)
    assert list(space.walk(lambda d: d.first())) == [
        "Deeper/0",
        "Deeper/1",
        "Deeper_2/0",
        "Deeper_2/1",
        "Deeper_1/0",
        "Deeper_1/1",
    ]
    assert [mutator.label for mutator in mutators] == ["Deeper", "Deeper", "Deeper_1"]


def break_graph(mutator: Mutator, model: Model) -> None:
    """Calls a member that does not exist, past the editing calls."""
    next(iter(model.root.nodes)).op = Call("nope")


def leave_graph(mutator: Mutator, model: Model) -> None:
    """Takes a value that is computed later."""
    first, *_, last = model.root.nodes
    first.set_arguments([last.output])


def test_broken_graphs_are_blamed_on_the_mutator() -> None:
    """A mutator that leaves a broken graph, or tries a refused edit, is named with what is wrong."""
    for edit, message in ((break_graph, "calls the member 'nope'"), (leave_graph, "computes it later")):
        base = make_base()
        with pytest.raises(MutationError, match=f"(?s)mutator 'bad' broke the graph.*{message}") as caught:
            Mutating(edit, "bad").apply(base, take_last)
        assert isinstance(caught.value.__cause__, GraphError)
        base.verify()


def test_failing_mutators() -> None:
    """An exception of the mutator's own names the mutator; retix's own errors pass as they are."""

    def fail(mutator: Mutator, model: Model) -> None:
        raise ZeroDivisionError("by zero")

    def convert(mutator: Mutator, model: Model) -> None:
        raise ConversionError("cannot")

    with pytest.raises(MutationError, match="mutator 'bad' failed: ZeroDivisionError: by zero"):
        Mutating(fail, "bad").apply(make_base(), take_last)
    with pytest.raises(ConversionError, match="cannot"):
        Mutating(convert, "bad").apply(make_base(), take_last)
    with pytest.raises(SpaceError, match="has no candidates"):
        Mutating(lambda m, _: m.choice([]), "bad").apply(make_base(), take_last)


def test_wrong_answers() -> None:
    """An answer that is no candidate, or that is missing, is named with its label."""
    mutator = Mutating(lambda m, _: m.choice([1, 2]), "m")
    with pytest.raises(SpaceError, match="3 does not answer the choice 'm/0'"):
        mutator.apply(make_base(), answers({"m/0": 3}))
    with pytest.raises(SpaceError, match="no answer to the choice 'm/0'"):
        mutator.apply(make_base(), answers({}))


def test_lines_of_failures() -> None:
    """A failure names the line of mutate that it came from; a broken rule found later, where mutate begins."""

    class Breaking(Mutator):
        def __init__(self, edit: Edit) -> None:
            super().__init__("breaking")
            self.edit = edit

        def mutate(self, model: Model) -> None:
            """First a line that does nothing."""
            self.edit(self, model)  # line 2 of the body

    begin = Breaking.mutate.__code__.co_firstlineno
    for edit, line in ((leave_graph, begin + 2), (lambda *_: 1 / 0, begin + 2), (break_graph, begin)):
        with pytest.raises(MutationError) as caught:
            Breaking(edit).apply(make_base(), take_last)
        assert caught.value.where == f"{__file__}:{line}, in Breaking.mutate"
    assert "net, node layer0: it calls the member 'nope'" in str(caught.value)


def test_no_such_model() -> None:
    """A mutator may say that answers make no model; that passes as it is."""

    def refuse(mutator: Mutator, model: Model) -> None:
        raise InvalidMutation

    with pytest.raises(InvalidMutation, match="the answers make no valid model"):
        Mutating(refuse).apply(make_base(), take_last)
    assert issubclass(InvalidMutation, MutationError)


def test_weights() -> None:
    """Choices may have prior weights, which strategies see."""
    seen: list[Decision] = []

    def edit(mutator: Mutator, model: Model) -> None:
        mutator.choice(["a", "b"], weights=[0.25, 0.75])
        mutator.choose(["a", "b", "c"], None, weights=(1, 2, 3))

    Mutating(edit, "m").apply(make_base(), lambda decision: (seen.append(decision), decision.first())[1])
    assert [decision.weights for decision in seen] == [(0.25, 0.75), (1, 2, 3)]
    with pytest.raises(SpaceError):
        Mutating(lambda m, _: m.choice([1, 2], weights=[1])).apply(make_base(), take_last)


class Cycling(Sampler):
    """Takes the candidate whose number is that of the question, and notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        self.notes.append((candidates, mutator.label, index))
        return candidates[index % len(candidates)]

    def mutation_start(self, mutator: Mutator, model: Model) -> None:
        self.notes.append("start")

    def mutation_end(self, mutator: Mutator, model: Model) -> None:
        self.notes.append("end")


def test_samplers() -> None:
    """A bound sampler answers with candidates as they are; several are asked one by one, any number one for each."""
    options = [Module("torch.nn.ReLU"), Module("torch.nn.ELU")]
    found: list[Any] = []

    def edit(mutator: Mutator, model: Model) -> None:
        found.append(mutator.choice(options))
        found.append(mutator.choose("abc", 2))
        found.append(mutator.choose("xy", None))
        found.append(mutator.choose("z", None))
        found.append(mutator.choice([1, 2], label="same"))
        found.append(mutator.choice([1, 2], label="same"))

    sampler = Cycling()
    mutator = Mutating(edit, "m")
    assert mutator.bind_sampler(sampler) is mutator
    model = mutator.apply(make_base())
    assert found == [options[0], ["a", "b"], ["x"], ["z"], 1, 1]
    assert sampler.notes == [
        "start",
        (options, "m", 0),
        (["a", "b", "c"], "m", 1),
        (["a", "c"], "m", 2),
        ([False, True], "m", 3),
        ([False, True], "m", 4),
        ([False, True], "m", 5),
        ([1, 2], "m", 6),
        "end",
    ]
    assert model.history[0].samples == found
    assert model.history[0].choices[:2] == (("m/0", 0), ("m/1", (0, 1)))


def test_sampler_that_takes_none() -> None:
    """Where a sampler takes none of any number, it is asked for one."""

    class Refusing(Sampler):
        def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
            return candidates[-1] if candidates != [False, True] else False

    found: list[Any] = []
    Mutating(lambda m, _: found.append(m.choose("abc", None))).apply(make_base(), Refusing())
    assert found == [["c"]]


def test_wrong_samplers() -> None:
    """No sampler, one that is not written, and one that makes its answers up, are named."""

    class Inventing(Sampler):
        def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
            return "other"

    mutator = Mutating(lambda m, _: m.choice([1, 2]), "m")
    with pytest.raises(MutationError, match="nobody answers the choices of mutator 'm'"):
        mutator.apply(make_base())
    with pytest.raises(MutationError, match="sampler Inventing answered the choice 'm/0' with 'other'"):
        mutator.apply(make_base(), Inventing())
    with pytest.raises(MutationError, match="NotImplementedError"):
        mutator.apply(make_base(), Sampler())
    found: list[Any] = []
    Mutating(lambda m, _: found.append(m.choice([1, True, 1.0]))).apply(make_base(), _Fixed(1.0))
    assert repr(found) == "[1.0]"


class _Fixed(Sampler):
    def __init__(self, value: Any) -> None:
        self.value = value

    def choice(self, candidates: list[Any], mutator: Mutator, model: Model, index: int) -> Any:
        return type(self.value)(repr(self.value))


def test_dry_run() -> None:
    """A dry run tells the candidates of each choice, taking the first, and leaves the bound sampler alone."""
    sampler = Cycling()
    candidates, model = Deeper().bind_sampler(sampler).dry_run(make_base())
    assert candidates == [[1, 2, 3], [8, 16]]
    assert types_of(model).count("torch.nn.Linear") == 1
    assert sampler.notes == []


def test_labels() -> None:
    """The label may be given alone, by name, or behind a sampler."""
    sampler = Cycling()
    for mutator in (Deeper("deep"), Deeper(label="deep"), Deeper(sampler, "deep")):
        assert (mutator.label, mutator.has_default_label) == ("deep", False)
    assert Deeper(sampler).sampler is sampler


def test_looking_up_graphs() -> None:
    """Within mutate every way to a graph gives one that can be edited; only those looked up are copied."""

    def edit(mutator: Mutator, model: Model) -> None:
        graph = model.graphs["net"]
        assert graph is model.root is model.graphs.get("net") is next(iter(model.graphs.values()))
        assert model.graphs.get("nope") is None
        graph.get_nodes_by_type("torch.nn.ReLU")[0].update_operation("torch.nn.ELU")
        model.verify()

    def look(mutator: Mutator, model: Model) -> None:
        assert model.graphs["net"]
        assert [name for name, graph in model.graphs.items() if not graph.frozen] == ["net", "other"]

    def leave(mutator: Mutator, model: Model) -> None:
        assert "other" in model.graphs

    base = make_base()
    base.graphs["other"] = make_chain(Module("torch.nn.ReLU"), name="other")
    base.root.add(Call(base.root.add_member("other", Cell("other"))), [base.root.inputs[0]], name="other")
    base.root.set_result([*base.root.result.args, next(iter(base.root.get_nodes_by_type("_cell"))).output])
    text = str(base)
    model = Mutating(edit).apply(base, take_last)
    assert types_of(model)[1] == "torch.nn.ELU"
    assert type(model.graphs) is dict
    Mutating(look).apply(base, take_last)
    untouched = Mutating(leave).apply(base, take_last)
    assert untouched.graphs["other"] is base.graphs["other"]
    assert str(base) == text


def test_history_knows_the_models() -> None:
    """A record leads to the mutator and the models before and after, as long as somebody holds them."""
    base = make_base()
    mutator = Deeper("deep")
    model = mutator.apply(base, take_last)
    (record,) = model.history
    assert (record.mutator, record.from_, record.to, record.label) == (mutator, base, model, "deep")
    assert record.samples == [3, 16, 16, 16]
    again = Model.from_json(model.to_json()).history[0]
    copied = copy.deepcopy(record)
    for other in (again, copied):
        assert other == record
        assert (other.mutator, other.from_, other.to, other.samples) == ("deep", None, None, [3, 16, 16, 16])
    del base, model, mutator
    gc.collect()
    assert (record.mutator, record.from_, record.to) == ("deep", None, None)


def test_replay() -> None:
    """A model is made again from its history, by mutators in any order; of several of one class by their numbers."""
    base = make_base()
    space = MutationSpace(base, [Deeper(), Deeper(), Mutating(lambda m, _: m.choice([1, 2]), "user")])
    model = space.build(space.walk(take_last))
    mutators = [Mutating(lambda m, _: m.choice([1, 2]), "user"), Deeper(), InlineMutator()]
    made = replay(base, mutators, Model.from_json(model.to_json()).history)
    assert (made.digest(), made.history) == (model.digest(), model.history)
    halfway = Deeper().apply(base, take_last)
    assert replay(halfway, [Deeper()], halfway.history) is halfway
    with pytest.raises(MutationError, match="a mutation by 'user', and there is no mutator of that label"):
        replay(base, [Deeper(), InlineMutator()], model.history)


def test_edges_that_are_missing() -> None:
    """A mutator that cuts an edge and gives no other is told which node lacks an input."""

    def cut(mutator: Mutator, model: Model) -> None:
        model.root.node("layer1").incoming_edges[0].remove()

    with pytest.raises(MutationError, match=r"(?s)broke the graph.*node layer1: its arguments hold <missing input>"):
        Mutating(cut, "cut").apply(make_base(), take_last)


def test_choice_outside_mutate() -> None:
    """A choice is asked only while a model is mutated, also not after a mutation."""
    mutator = Deeper()
    mutator.apply(make_base(), take_last)
    with pytest.raises(MutationError, match="'Deeper' asks for a choice outside mutate"):
        mutator.choice([1])


def test_no_state_between_models() -> None:
    """What a mutator sets on itself while it mutates one model is gone with the next."""

    class Counting(Mutator):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def mutate(self, model: Model) -> None:
            self.count += 1
            model.root.insert_on(model.root.inputs[0], "fc", "torch.nn.Linear", {"out_features": self.count})

    mutator = Counting()
    assert len({mutator.apply(make_base(), take_last).digest() for _ in range(3)}) == 1
    assert mutator.count == 0


def test_mutator_within_itself() -> None:
    """A mutator that applies itself keeps the choices of both runs apart."""

    def edit(mutator: Mutator, model: Model) -> None:
        mutator.choice([1, 2])
        if len(model.history) == 0:
            model.history = mutator.apply(make_base_with_history(), take_last).history
        mutator.choice([3, 4])

    def make_base_with_history() -> Model:
        base = make_base()
        base.history = (Mutation("base", ()),)
        return base

    mutated = Mutating(edit, "m").apply(make_base(), lambda d: d.first())
    assert mutated.history == (
        Mutation("base", ()),
        Mutation("m", (("m/0", 2), ("m/1", 4))),
        Mutation("m", (("m/0", 1), ("m/1", 3))),
    )


def test_one_mutator_in_two_threads() -> None:
    """Two threads that apply one mutator at the same time do not mix their choices."""
    meeting = threading.Barrier(2)
    made: dict[int, Model] = {}

    def edit(mutator: Mutator, model: Model) -> None:
        for _ in range(3):
            mutator.choice([0, 1])
            meeting.wait(timeout=60)

    mutator = Mutating(edit, "m")

    def run(number: int) -> None:
        made[number] = mutator.apply(make_base(), lambda _: number)

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: model.history[0].choices for number, model in made.items()} == {
        number: tuple((f"m/{index}", number) for index in range(3)) for number in (0, 1)
    }


def test_nodes_of_a_mutated_model_are_its_own() -> None:
    """A node that a mutator kept from one model cannot be edited once that model was mutated further."""
    kept: list[Node] = []
    first = Mutating(lambda _, model: kept.extend(model.root.nodes), "keep").apply(make_base(), take_last)
    Mutating(lambda _, model: model.root, "next").apply(first, take_last)
    with pytest.raises(GraphError, match="shared with a fork"):
        kept[0].update_operation("torch.nn.ReLU")
