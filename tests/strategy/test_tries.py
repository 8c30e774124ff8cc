"""Which answers changes have led to so far."""

from __future__ import annotations

import json

from retix.space import Sample
from retix.strategy.tries import Tries

MOVES = [("a", 1), ("a", True), ("a", 2), ("b", (0, 1))]


def test_the_least_tried_come_first() -> None:
    """Changed answers count, even where Python calls them equal; answers that came alive or stayed do not."""
    tries = Tries()
    tries.note(Sample({"a": 1, "b": (0,)}), Sample({"a": True, "b": (0,), "c": 5}))
    assert tries.sort(MOVES) == [("a", 1), ("a", 2), ("b", (0, 1)), ("a", True)]
    assert list(map(type, (move[1] for move in tries.sort(MOVES)))) == [int, int, tuple, bool]


def test_an_improvement_is_a_new_beginning() -> None:
    """What helped is untried again, and the way back counts as tried."""
    tries = Tries()
    one, other = Sample({"a": 1, "b": (0,)}), Sample({"a": 2, "b": (0,)})
    for _ in range(3):
        tries.note(one, other)
    tries.praise(one, other)
    assert tries.sort(MOVES)[-1] == ("a", 1)
    assert tries.sort(MOVES)[1] == ("a", 2)


def test_state_is_json() -> None:
    """Counts survive JSON."""
    tries, loaded = Tries(), Tries()
    tries.note(Sample({"a": 1, "b": (0,)}), Sample({"a": 2, "b": (0, 1)}))
    loaded.load_state(json.loads(json.dumps(tries.state())))
    assert loaded.sort(MOVES) == tries.sort(MOVES) == [("a", 1), ("a", True), ("a", 2), ("b", (0, 1))]
