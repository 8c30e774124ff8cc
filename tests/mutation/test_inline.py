"""Choices written in the model."""

from __future__ import annotations

from typing import Any

import pytest

from retix.errors import SpaceError
from retix.ir import Call, Cell, Constant, Function, Graph, If, LayerChoice, Member, Model, Module, Open
from retix.mutation import InlineMutator, answers
from retix.space import Choice, Decision
from retix.space import apply as apply_operator
from tests.mutation.spaces import (
    make_chain,
    make_conditional_model,
    make_input_model,
    make_layer_choice,
    make_leaf,
    make_model,
    make_value,
)


def resolve(base: Model, **recorded: Any) -> Model:
    """The model with its choices made."""
    return InlineMutator().apply(base, answers(recorded))


def asked_labels(base: Model, **recorded: Any) -> list[str]:
    """The labels that are asked, in order, where what is not recorded takes its first answer."""
    labels: list[str] = []

    def answer(decision: Decision) -> Choice:
        labels.append(decision.label)
        return recorded.get(decision.label, decision.first())

    InlineMutator().apply(base, answer)
    return labels


def lines_of(model: Model) -> list[str]:
    """The nodes of the root and its return, as text."""
    text = str(model).split("\n}")[0].splitlines()[1:]
    return [line.strip() for line in text if not line.startswith("  .")]


def test_layer_choice_becomes_its_candidate() -> None:
    """The member becomes the chosen candidate, with that one's origin; graphs of the others go."""
    model = resolve(make_conditional_model(), op="wide", width=16)
    assert model.root.members == {"layer0": Member(Module("torch.nn.Linear", (16,)), "op.wide")}
    assert list(model.graphs) == ["net"]
    assert model.history[0].choices == (("op", "wide"), ("width", 16))


def test_dead_candidates_are_not_asked() -> None:
    """What only a candidate contains that was not chosen is never asked."""
    base = make_conditional_model()
    assert asked_labels(base, op="wide") == ["op", "width"]
    assert asked_labels(base, op="cell") == ["op", "act", "rate"]
    assert asked_labels(base, op="none") == ["op"]


def test_nested_layer_choices() -> None:
    """A candidate that is a choice itself is asked behind the choice that leads to it."""
    inner = make_layer_choice("inner", Module("torch.nn.ReLU"), Module("torch.nn.ELU"))
    base = make_model(make_chain(make_layer_choice("outer", inner, Module("torch.nn.Identity"))))
    assert asked_labels(base, outer="0") == ["outer", "inner"]
    assert asked_labels(base, outer="1") == ["outer"]
    assert resolve(base, outer="0", inner="1").root.members["layer0"] == Member(Module("torch.nn.ELU"), "inner.1")


SUMS = ["%add = aten::add(%layer0, %layer2)", "%add_1 = aten::add(%add, %layer3)"]


@pytest.mark.parametrize(
    ("reduction", "n_chosen", "chosen", "lines"),
    [
        ("sum", 1, (1,), ["return %layer1"]),
        ("mean", 1, (1,), ["return %layer1"]),
        ("concat", 1, (1,), ["return %layer1"]),
        ("none", 1, (1,), ["%inputs = constant([%layer1])", "return %inputs"]),
        ("sum", 3, (0, 2, 3), [*SUMS, "return %add_1"]),
        ("mean", -1, (0, 2, 3), [*SUMS, "%mean = aten::div(%add_1, 3)", "return %mean"]),
        ("concat", -1, (0, 2), ["%cat = aten::cat([%layer0, %layer2], 1)", "return %cat"]),
        ("none", 2, (0, 3), ["%inputs = constant([%layer0, %layer3])", "return %inputs"]),
    ],
)
def test_input_choice(reduction: str, n_chosen: int, chosen: tuple[int, ...], lines: list[str]) -> None:
    """The chosen inputs are reduced, and the layers of the others go."""
    model = resolve(make_input_model(4, n_chosen, reduction), inputs=chosen)
    calls = [f"%layer{i} = .layer{i}(%x)" for i in chosen]
    assert lines_of(model) == calls + lines
    assert list(model.root.members) == [f"layer{i}" for i in chosen]


def test_input_choice_keeps_the_users_name() -> None:
    """The variable that holds the choice names what becomes of it."""
    base = make_input_model(2, 2, "sum")
    base.root.node("picked").output.variable = "merged"
    assert resolve(base, inputs=(0, 1)).root.node("add").output.variable == "merged"


def test_arithmetic_on_values() -> None:
    """An open argument becomes the value of its expression, also inside lists, dicts and objects."""
    width = make_value("width", 8, 16)
    ratio = make_value("ratio", 0.5, 2)
    hidden = Open(round(width * ratio).to_json())
    module = Module(
        "Unit", ([Open(width.to_json()), (1, hidden)],), {"at": Module("Inner", (hidden,), {"d": {"k": hidden}})}
    )
    model = resolve(make_model(make_chain(module)), width=16, ratio=0.5)
    assert model.root.members["layer0"].op == Module(
        "Unit", ([16, (1, 8)],), {"at": Module("Inner", (8,), {"d": {"k": 8}})}
    )


def test_failing_arithmetic_names_the_module() -> None:
    """Arithmetic that fails on the answers names the module whose argument it is."""
    broken = make_leaf(apply_operator("floordiv", 1, make_value("width", 0, 1)))
    with pytest.raises(SpaceError, match=r"torch\.nn\.Linear: .* fails on \[1, 0\]"):
        resolve(make_model(make_chain(broken)), width=0)


def test_open_arguments_of_operators() -> None:
    """An operator's argument may be open too."""
    graph = make_chain()
    rate = Open(make_value("rate", 0.1, 0.5).to_json())
    graph.set_result(graph.add(Function("aten::dropout"), [graph.inputs[0], rate, True], name="drop").output)
    assert lines_of(resolve(make_model(graph), rate=0.5))[0] == "%drop = aten::dropout(%x, 0.5, True)"


def test_shared_labels_are_asked_once() -> None:
    """One label is one decision, for layers, values and inputs, in whatever graph."""
    candidates = [Module("torch.nn.ReLU"), Module("torch.nn.ELU")]
    cell = make_chain(make_layer_choice("act", *candidates), make_leaf(make_value("n", 1, 2)), name="cell")
    layers = [
        Cell("cell"),
        make_leaf(apply_operator("mul", make_value("n", 1, 2), 3)),
        make_layer_choice("act", *reversed(candidates)),
    ]
    base = make_model(make_chain(*layers), cell)
    assert sorted(asked_labels(base)) == ["act", "n"]
    model = resolve(base, act="1", n=2)
    assert model.graphs["cell"].members["layer0"].op == Module("torch.nn.ELU")
    assert model.root.members["layer2"].op == Module("torch.nn.ReLU")
    assert model.root.members["layer1"].op == Module("torch.nn.Linear", (6,))


def test_cell_used_twice_is_resolved_once() -> None:
    """Two instances of one graph get the same choices."""
    cell = make_chain(make_layer_choice("act", Module("torch.nn.ReLU"), Module("torch.nn.ELU")), name="cell")
    base = make_model(make_chain(Cell("cell"), Cell("cell")), cell)
    assert asked_labels(base) == ["act"]


def test_choices_in_branches() -> None:
    """Layers and inputs that are chosen within a branch are resolved; the members belong to the graph around it."""
    graph = make_chain()
    graph.add_member("act", make_layer_choice("act", Module("torch.nn.ReLU"), Cell("cell")))
    value = graph.add(If("net:then", "net:else"), [graph.inputs[0], graph.inputs[0]], name="if").output
    graph.set_result(value)
    cell = make_chain(make_leaf(make_value("n", 1, 2)), name="cell")
    then, other = (Graph(name, "Net", region_of="net") for name in ("net:then", "net:else"))
    then.set_result((then.add(Call("act"), [then.add_input("x")]).output,))
    other.add_input("x")
    picked = make_input_model(2, 1, "sum").root.node("picked").op
    other.set_result((other.add(picked, [[other.inputs[0], 1]]).output,))
    base = make_model(graph, then, other, cell)
    model = resolve(base, act="1", n=2, inputs=(0,))
    assert model.root.members["act"].op == Cell("cell")
    assert model.graphs["cell"].members["layer0"].op == Module("torch.nn.Linear", (2,))
    assert len(model.graphs["net:else"]) == 0
    assert isinstance(base.root.members["act"].op, LayerChoice)


def test_what_holds_no_choice_stays_shared() -> None:
    """Graphs without choices are not copied."""
    closed = make_chain(Module("torch.nn.ReLU"), name="closed")
    base = make_model(make_chain(make_leaf(make_value("n", 1, 2)), Cell("closed")), closed)
    assert resolve(base, n=1).graphs["closed"] is base.graphs["closed"]


def test_contradicting_labels() -> None:
    """A label that stands for different candidates is refused where both uses are alive."""
    base = make_model(make_chain(make_leaf(make_value("n", 1, 2)), make_leaf(make_value("n", 1, 3))))
    with pytest.raises(SpaceError, match="label 'n' stands for two different choices"):
        resolve(base, n=1)


def test_single_literal_candidate() -> None:
    """An input choice whose candidates are computed elsewhere leaves plain values as they are."""
    graph = make_chain()
    constants = [graph.add(Constant(), [number]).output for number in (1, 2)]
    picked = make_input_model(2, 1, "sum").root.node("picked").op
    graph.set_result(graph.add(picked, [constants], name="picked").output)
    assert lines_of(resolve(make_model(graph), inputs=(1,))) == ["%x_2 = constant(2)", "return %x_2"]
