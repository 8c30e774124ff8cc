"""Literals of the IR as Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retix.codegen.imports import Imports
from retix.codegen.literal import write_literal
from retix.errors import GenerationError
from retix.ir import Module, Open, Symbol

READABLE = [
    None,
    ...,
    [],
    (),
    (1,),
    (1, [2.5, "a"]),
    {"a": (True, None), 1: "b"},
    slice(1, None, 2),
    1 - 2j,
    float("-inf"),
    10**40,
    -3,
    complex("inf"),
    slice(slice(None), -1, (None, ...)),
    {"a": [{"b": (slice(0, 2),)}]},
]


@pytest.mark.parametrize("literal", READABLE, ids=repr)
def test_reads_back(literal: Any) -> None:
    """A written literal is the literal again."""
    assert eval(write_literal(literal, Imports({})).text) == literal


@given(st.text() | st.floats() | st.complex_numbers() | st.integers())
def test_any_text_and_number_reads_back(literal: Any) -> None:
    """Quotes, line breaks, infinities, numbers that are none and negative zeros survive."""
    assert repr(eval(write_literal(literal, Imports({})).text)) == repr(literal)


def test_numbers_of_other_libraries_are_plain_numbers() -> None:
    """A number that a user computed with NumPy is written as Python's own."""
    assert write_literal([np.float64(0.5), np.float64("nan")], Imports({})).text == '[0.5, float("nan")]'


def test_torch_symbols() -> None:
    """Types, layouts and memory formats are written by name, and are the same objects again."""
    for item in (torch.bfloat16, torch.sparse_coo, torch.channels_last):
        assert eval(write_literal(Symbol(str(item)), Imports({})).text) is item


def test_names_bring_their_imports() -> None:
    """A symbol or a recorded object is written under the name that the import gives it."""
    imports = Imports({})
    literal = [Symbol("torch.float32"), Module("torch.nn.ReLU", (), {"inplace": True})]
    text = write_literal(literal, imports).text
    assert text == "[torch.float32, nn.ReLU(inplace=True)]"
    namespace: dict[str, Any] = {}
    exec(imports.write(), namespace)
    made = eval(text, namespace)
    assert made[0] is torch.float32
    assert made[1].inplace


def test_an_open_argument_is_refused() -> None:
    """What is still to be chosen has no text; the error names the fix."""
    with pytest.raises(GenerationError, match="still open") as caught:
        write_literal([Open({"value": 1})], Imports({}))
    assert caught.value.fix == "make its choice first"
