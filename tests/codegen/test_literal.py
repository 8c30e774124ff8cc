"""Literals of the IR as Python."""

from __future__ import annotations

from typing import Any

import pytest
import torch

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
]


@pytest.mark.parametrize("literal", READABLE, ids=repr)
def test_reads_back(literal: Any) -> None:
    """A written literal is the literal again."""
    assert eval(write_literal(literal, Imports({})).text) == literal


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
