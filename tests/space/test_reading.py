"""Samples as people and other tools write them."""

from __future__ import annotations

from typing import Any

import pytest

from retix.errors import SpaceError
from retix.space import Decision, Sample, read_sample

DECISIONS = [
    Decision("op", ("conv", "pool", "none")),
    Decision("layer", ("0", "1")),
    Decision("width", (8, 16, 1)),
    Decision("size", ({"in": 1}, {"in": 2})),
    Decision("skip", (0, 1, 2), -1),
    Decision("pair", ("left", "middle", "right"), 2),
]


@pytest.mark.parametrize(
    ("label", "written", "meant"),
    [
        ("op", "pool", "pool"),
        ("op", 1, "pool"),
        ("op", [False, False, True], "none"),
        ("op", ["conv"], "conv"),
        ("layer", 1, "1"),
        ("layer", "layerchoice_layer_1", "1"),
        ("width", 1, 1),
        ("width", [16], 16),
        ("size", {"in": 2}, {"in": 2}),
        ("skip", 2, (2,)),
        ("skip", [2, 0], (0, 2)),
        ("skip", [True, False, True], (0, 2)),
        ("pair", ["right", "left"], (0, 2)),
        ("pair", [True, True, False], (0, 1)),
    ],
)
def test_forms(label: str, written: Any, meant: Any) -> None:
    """Names, positions, lists of them and masks all lead to the one form of an answer."""
    assert read_sample(DECISIONS, {label: written, None: []}) == Sample({label: meant})


@pytest.mark.parametrize(
    ("label", "written"),
    [
        *(("op", 3), ("op", True), ("op", [True, True, False]), ("width", 2), ("width", object())),
        *(("skip", []), ("skip", [0, 0]), ("skip", [3])),
        *(("pair", ["left"]), ("pair", [True, False]), ("pair", ["left", "up"])),
    ],
)
def test_what_is_no_answer(label: str, written: Any) -> None:
    """The error names the label, what was given, and the candidates."""
    with pytest.raises(SpaceError, match=f"does not answer the choice '{label}'") as caught:
        read_sample(DECISIONS, {label: written})
    assert repr(next(d.candidates[0] for d in DECISIONS if d.label == label)) in str(caught.value.fix)


def test_unknown_label() -> None:
    """A label that does not exist is refused, and those that do are named."""
    with pytest.raises(SpaceError, match="the space has no choice 'colour'") as caught:
        read_sample(DECISIONS, {"colour": 1})
    assert "'op', 'layer'" in str(caught.value)


def test_sample_prints_as_a_mapping() -> None:
    """A sample that is printed reads like the dict that may be given instead."""
    assert str(Sample({"op": "conv", "skip": (0, 2)})) == "{'op': 'conv', 'skip': [0, 2]}"
