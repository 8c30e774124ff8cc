"""Every nice form does what the operator does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree

from retix.codegen.expression import Expression
from retix.codegen.form import FORMS
from retix.codegen.imports import Imports
from retix.codegen.literal import write_literal
from retix.codegen.operator import write_operator
from retix.ir import Graph, Symbol, Value
from tests.codegen.examples import EXAMPLES, Call

PYTHON: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        [
            "add",
            "sub",
            "mul",
            "truediv",
            "floordiv",
            "mod",
            "pow",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "is",
            "isnot",
            "and",
            "or",
            "min",
            "max",
        ],
        (7, 3),
    ),
    **dict.fromkeys(["int", "float", "bool", "abs", "round", "sqrt", "ceil", "floor", "neg", "not"], (2.5,)),
    "contains": (2, [1, 2]),
    "len": ([1, 2],),
    "list": ((1, 2),),
    "getitem": ([1, 2], 1),
    "getattr": (3 + 4j, "imag"),
}


def split(call: Call) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments."""
    return (list(call[:-1]), call[-1]) if call and isinstance(call[-1], dict) else (list(call), {})


def write(name: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[str, dict[str, torch.Tensor]]:
    """The operator as text, and the tensors that its names stand for."""
    graph = Graph("g", "G")
    tensors: dict[str, torch.Tensor] = {}

    def enter(item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            value = graph.add_input("t")
            value.shape = tuple(item.shape)
            tensors[value.name] = item.clone()
            return value
        if isinstance(item, torch.dtype | torch.layout | torch.memory_format):
            return Symbol(str(item))
        return str(item) if isinstance(item, torch.device) else item

    def value(item: Value) -> Expression:
        return Expression(item.name)

    def render(item: Any) -> Expression:
        return write_literal(item, Imports({}), value)

    new_args, new_kwargs = pytree.tree_map(enter, (args, kwargs))
    return write_operator(name, render, new_args, new_kwargs).text, tensors


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_form_is_the_operator(name: str) -> None:
    """The text computes what ``torch.ops`` computes, and changes the same arguments in the same way."""
    for call in EXAMPLES[name]:
        compare(name, call)


def compare(name: str, call: Call) -> None:
    """Compare one call."""
    args, kwargs = split(call)
    text, tensors = write(f"aten::{name}", args, kwargs)
    torch.manual_seed(0)
    actual = eval(text, {"torch": torch, "F": F}, tensors)
    own_args, own_kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
    torch.manual_seed(0)
    expected = getattr(torch.ops.aten, name)(*own_args, **own_kwargs)
    changed = [item for item in pytree.tree_leaves((own_args, own_kwargs)) if isinstance(item, torch.Tensor)]
    assert_equal(actual, expected)
    assert_equal(list(tensors.values()), changed)


def assert_equal(actual: Any, expected: Any) -> None:
    """Equal tensors, numbers or sequences of them."""
    left, right = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, torch.Tensor):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)
        else:
            assert a == b


def test_every_form_has_an_example() -> None:
    """No form of a torch operator goes without a call that tries it."""
    assert set(EXAMPLES) == {name.removeprefix("aten::") for name in FORMS if name.startswith("aten::")}


@pytest.mark.parametrize("name", sorted(PYTHON))
def test_python_operators(name: str) -> None:
    """Python's own operators evaluate to what Python computes."""
    text, _ = write(f"python::{name}", list(PYTHON[name]), {})
    expected = {
        "add": 10, "sub": 4, "mul": 21, "truediv": 7 / 3, "floordiv": 2, "mod": 1, "pow": 343, "eq": False, "ne": True,
        "lt": False, "le": False, "gt": True, "ge": True, "and": 3, "or": 7, "min": 3, "max": 7, "int": 2, "float": 2.5,
        "bool": True, "abs": 2.5, "round": 2, "sqrt": math.sqrt(2.5), "ceil": 3, "floor": 2, "neg": -2.5, "not": False,
        "contains": True, "len": 2, "list": [1, 2], "getitem": 2, "getattr": 4.0,
    }  # fmt: skip
    if name in ("is", "isnot"):
        assert text == {"is": "7 is 3", "isnot": "7 is not 3"}[name]
    else:
        assert eval(text, {"math": math}) == expected[name]


def test_public_functions() -> None:
    """What has no form of its own is a call of torch's public function or method, keyword arguments included."""
    text, _ = write("aten::slice_scatter", [torch.zeros(2), torch.zeros(1)], {"dim": 0, "end": 1})
    assert text == "torch.slice_scatter(t, t_1, dim=0, end=1)"
    assert write("aten::linalg_matrix_norm", [torch.zeros(2, 2)], {})[0] == "torch.linalg.matrix_norm(t)"
    assert write("aten::log1p_", [torch.zeros(2)], {})[0] == "t.log1p_()"


def test_unknown_operators_are_written_as_they_are() -> None:
    """What is not public either is a call of ``torch.ops``."""
    text, _ = write("aten::gelu_backward", [torch.zeros(2), torch.zeros(2)], {"approximate": "tanh"})
    assert text == 'torch.ops.aten.gelu_backward(t, t_1, approximate="tanh")'
    assert write("mine::scale", [torch.zeros(2), 3], {})[0] == "torch.ops.mine.scale(t, 3)"


def test_unusual_arguments_fall_back() -> None:
    """A form that cannot say something leaves it to ``torch.ops``."""
    text, _ = write("aten::elu", [torch.zeros(2), 1.0, 2.0], {})
    assert text == "torch.ops.aten.elu(t, 1.0, 2.0)"
