"""The order of things that are built on each other."""

from __future__ import annotations

from retix.ir.order import find_circular, sort_below

PARTS = {"house": ["wall", "roof"], "wall": ["brick"], "roof": ["wall", "tile"], "brick": [], "tile": []}


def test_parts_come_first() -> None:
    """Everything comes once, behind its parts, in the order in which it is found."""
    assert sort_below(["house"], PARTS.__getitem__) == ["brick", "wall", "tile", "roof", "house"]
    assert sort_below(["tile", "wall", "tile"], PARTS.__getitem__) == ["tile", "brick", "wall"]
    assert find_circular(sort_below(["house"], PARTS.__getitem__), PARTS.__getitem__) is None


def test_circles_are_found() -> None:
    """What lies below itself is found, directly or through others, wherever the walk begins."""
    for inner in ("roof", "house"):
        parts = {**PARTS, "tile": [inner]}
        for start in ("house", "roof", "tile"):
            assert find_circular(sort_below([start], parts.__getitem__), parts.__getitem__) in ("tile", "roof", "house")
    assert find_circular(sort_below(["a"], lambda item: ["a"]), lambda item: ["a"]) == "a"


def test_long_chains_need_no_recursion() -> None:
    """A hundred thousand levels are sorted from the bottom up."""
    order = sort_below([0], lambda item: [item + 1] if item < 100_000 else [])
    assert order == list(range(100_000, -1, -1))
