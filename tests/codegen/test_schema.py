"""Every torch operator has a text, and the text calls the very operator."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch.jit._builtins import _find_builtin
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from retix.codegen.form import FORMS
from retix.codegen.public_form import FUNCTIONS, METHODS
from tests.codegen.schemas import Call, find_schemas, make_calls, make_unusual_calls
from tests.codegen.test_operator import write

EXCEPTIONS = {
    **dict.fromkeys(
        ("linalg_pinv.atol_rtol_float", "linalg_pinv.atol_rtol_tensor"),
        "without further arguments the operator's name stands for an older overload, and the function for these",
    ),
    "bitwise_not.": "only on this device it takes numbers with fractions",
    "upsample_trilinear3d.": "only on this device it takes too few dimensions",
    "to.prim_dtype": "a dtype is a number in it, which the converter has replaced",
}
"""Overloads that are not compared, and why."""


class Recorder(TorchDispatchMode):
    """Notes the operators that run, with the shapes of what they take."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch left it untyped
        self.calls: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = {key: item for key, item in (kwargs or {}).items() if item is not None}
        if named.get("pin_memory") is False:
            del named["pin_memory"]  # functions of Python say so where operators leave it out
        self.calls.append(f"{function.overloadpacket} {describe((args, named))}")
        return function(*args, **(kwargs or {}))


def describe(item: Any) -> list[str]:
    """Shapes and dtypes of tensors, and plain values, in no order."""
    leaves = pytree.tree_leaves(item)
    return sorted(f"{t.dtype} {tuple(t.shape)}" if isinstance(t, torch.Tensor) else str(t) for t in leaves)


def run(function: Any) -> tuple[list[str], list[str]] | None:
    """What a call returns, and the operators that it runs; None if it fails."""
    with Recorder() as recorder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return describe(function()), recorder.calls
        except Exception:
            return None


def run_operator(name: str, call: Call) -> tuple[list[str], list[str]] | None:
    """The same for an operator by its own name."""
    args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, call)
    return run(lambda: getattr(torch.ops.aten, name)(*args, **kwargs))


def compare(name: str, call: Call, expected: tuple[list[str], list[str]]) -> str:
    """What is wrong with the text of a call that works; empty if nothing is."""
    text, tensors = write(f"aten::{name}", *call)
    found = run(lambda: eval(text, {"torch": torch, "F": F}, tensors))
    if found is None:
        return f"{text} fails"
    if found[0] != expected[0]:
        return f"{text} gives {found[0]} instead of {expected[0]}"
    has_examples = f"aten::{name}" in FORMS  # their numbers are compared; see test_operator.py
    return "" if has_examples or found[1] == expected[1] else f"{text} runs {found[1]} instead of {expected[1]}"


def test_every_operator_is_written() -> None:
    """For every schema that takes tensors and plain values: the text parses, and runs what the operator runs.

    What runs is compared for the calls that can be made up from the schema alone, which are most.
    """
    wrong: list[str] = []
    n_compared = 0
    for schema in find_schemas():
        name = schema.name.removeprefix("aten::")
        if f"{name}.{schema.overload_name}" in EXCEPTIONS:
            continue
        calls = list(make_calls(schema))
        ast.parse(write(schema.name, *calls[0])[0])
        working = next(((call, ran) for call in calls if (ran := run_operator(name, call)) is not None), None)
        if working is None:
            continue
        n_compared += 1
        wrong.append(compare(name, *working))
        for call in make_unusual_calls(schema, working[0]):
            expected = run_operator(name, call)
            if expected is not None:
                wrong.append(compare(name, call, expected))
    assert [problem for problem in wrong if problem] == []
    assert n_compared > 900


def test_public_functions_are_the_operators() -> None:
    """Torch itself knows each public function as the operator of that name, and tensors have each method."""
    known = {name: _find_builtin(getattr(torch, name)) for name in FUNCTIONS}  # type: ignore[no-untyped-call]  # torch's
    assert {name for name, operator in known.items() if operator != f"aten::{name}"} == set()
    assert {name for name in METHODS if not callable(getattr(torch.Tensor, name, None))} == set()
    assert not {f"aten::{name}" for name in FUNCTIONS | METHODS} & set(FORMS)
