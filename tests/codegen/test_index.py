"""Indexing is put together again, and means the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retix.codegen import generate
from retix.ir import Function, Graph, Model, Value
from tests.codegen.graphs import build

END = 2**63 - 1


def apply(graph: Graph, name: str, *args: Any) -> Value:
    """Add an operator."""
    return graph.add(Function(f"aten::{name}"), args, name=name.strip("_")).output


def finish(graph: Graph, result: Any) -> tuple[str, Any]:
    """The text of forward without its first line, and an instance."""
    graph.set_result(result)
    source = generate(Model({"Net": graph}, "Net"))
    body = source.text.split("):\n")[-1]
    return "\n".join(line.strip() for line in body.splitlines()), build(source)


READS = [
    ("x[:, 0]", [("slice", 0, 0, END), ("select", 1, 0)]),
    ("x[0, 1]", [("select", 0, 0), ("select", 0, 1)]),
    ("x[:, 1:3, 0]", [("slice", 0, 0, END), ("slice", 1, 1, 3), ("select", 2, 0)]),
    ("x[..., 0]", [("select", -1, 0)]),
    ("x[..., 0, :]", [("select", -2, 0)]),
    ("x[::2]", [("slice", 0, 0, END, 2)]),
    ("x[:, None]", [("slice", 0, 0, END), ("unsqueeze", 1)]),
    ("x[None, :]", [("unsqueeze", 0), ("slice", 1, 0, END)]),
    ("x.unsqueeze(1)", [("unsqueeze", 1)]),
    ("x[:, :, -1]", [("select", 2, -1)]),
    ("x[1:][1:]", [("slice", 0, 1, END), ("slice", 0, 1, END)]),
]


@pytest.mark.parametrize(("text", "steps"), READS, ids=[text for text, _ in READS])
def test_reading(text: str, steps: list[tuple[Any, ...]]) -> None:
    """A chain of steps is one index where there is one, and selects what the steps select."""
    graph = Graph("Net", "Net")
    value: Any = graph.add_input("x")
    x = expected = torch.arange(60.0).reshape(3, 4, 5)
    for name, *args in steps:
        value = apply(graph, name, value, *args)
        expected = getattr(torch.ops.aten, name)(expected, *args)
    written, made = finish(graph, value)
    assert written == f"return {text}"
    assert torch.equal(made(x), expected)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("x[..., :3]", [("slice", 2, 0, 3)]),
        ("x[..., 1:, 0]", [("slice", 1, 1, END), ("select", 2, 0)]),
        ("x[:, :, :3]", [("slice", 0, 0, END), ("slice", 1, 0, END), ("slice", 2, 0, 3)]),
        ("x[:, 1]", [("select", 1, 1)]),
    ],
)
def test_skipped_dimensions(text: str, steps: list[tuple[Any, ...]]) -> None:
    """Dimensions that no step looks at were skipped by an ellipsis, if the last dimension is among the others."""
    graph = Graph("Net", "Net")
    value = graph.add_input("x")
    x = expected = torch.arange(60.0).reshape(3, 4, 5)
    for name, *args in steps:
        value.shape = tuple(expected.shape)
        value = apply(graph, name, value, *args)
        expected = getattr(torch.ops.aten, name)(expected, *args)
    written, made = finish(graph, value)
    assert written == f"return {text}"
    assert torch.equal(made(x), expected)


def test_index_tensors_join_slices() -> None:
    """An index tensor behind a full slice is one index with it."""
    graph = Graph("Net", "Net")
    x, order = graph.add_input("x"), graph.add_input("order")
    sliced = apply(graph, "slice", x, 0, 0, END)
    written, made = finish(graph, apply(graph, "index", sliced, [None, order]))
    assert written == "return x[:, order]"
    assert torch.equal(made(torch.eye(3), torch.tensor([2, 0])), torch.eye(3)[:, [2, 0]])


def test_assigning() -> None:
    """Filling and copying into a part are assignments, also with an operator."""
    graph = Graph("Net", "Net")
    x = apply(graph, "clone", graph.add_input("x"))
    x.variable = "out"
    apply(graph, "fill_", apply(graph, "select", x, 1, 0), 0.0)
    apply(graph, "copy_", apply(graph, "slice", x, 0, 0, END), apply(graph, "neg", x))
    view = apply(graph, "select", x, 0, 1)
    changed = apply(graph, "mul_", view, 3.0)
    apply(graph, "copy_", apply(graph, "select", x, 0, 1), changed)
    written, made = finish(graph, x)
    assert written.splitlines()[1:] == ["out[:, 0] = 0.0", "out[:] = -out", "out[1] *= 3.0", "return out"]
    expected = -torch.eye(2)
    expected[:, 0] = 0.0
    expected[1] *= 3.0
    assert torch.equal(made(torch.eye(2)), expected)


def test_assigning_to_index_tensors() -> None:
    """``index_put_`` is an assignment, and its result the tensor itself."""
    graph = Graph("Net", "Net")
    x, where = apply(graph, "clone", graph.add_input("x")), graph.add_input("where")
    x.variable = "out"
    put = apply(graph, "index_put_", x, [where], 5.0)
    written, _ = finish(graph, apply(graph, "relu", put))
    assert written.splitlines()[1:] == ["out[where] = 5.0", "return F.relu(out)"]
