"""What pruned trials would have come to."""

from __future__ import annotations

import pytest

from retix.space import Sample
from retix.strategy.optuna.foresight import foresee
from retix.strategy.optuna.record import Record


def pruned(steps: int, cost: float) -> Record:
    """A trial that was ended early."""
    return Record(Sample(), "pruned", (cost,), steps, path=((steps, cost),))


def complete(cost: float, *path: tuple[int, float]) -> Record:
    """A trial that was paused now and then, and ended."""
    return Record(Sample(), "complete", (cost,), path=path)


def test_a_line_is_fitted() -> None:
    """What is behind after one result catches up as much as others did; each length of training has its own line."""
    ended = [complete(0.1, (1, 0.4), (3, 0.2)), complete(0.2, (1, 0.6), (3, 0.4)), complete(0.3, (1, 0.8), (3, 0.6))]
    foreseen = foresee([*ended, pruned(1, 0.7), pruned(3, 0.7)])
    assert foreseen == pytest.approx({3: 0.25, 4: 0.35})


def test_few_give_a_shift() -> None:
    """From one or two trials no slope is made: all improve by the same."""
    foreseen = foresee([complete(0.1, (1, 0.4)), complete(0.2, (1, 0.5)), pruned(1, 0.9)])
    assert foreseen == pytest.approx({2: 0.6})


def test_no_promise_beyond_the_best() -> None:
    """A pruned trial is never foreseen to be better than what has ended, and the slope keeps their order."""
    ended = [complete(0.3, (1, 0.4)), complete(0.2, (1, 0.6)), complete(0.1, (1, 0.8))]
    assert foresee([*ended, pruned(1, 0.0), pruned(1, 2.0)]) == pytest.approx({3: 0.2, 4: 0.2})
    assert foresee([complete(0.3, (1, 0.9)), pruned(1, 0.1)]) == {1: 0.3}


def test_nothing_to_tell_from() -> None:
    """Where none went on from there, and with equal results, costs stay or shift."""
    assert foresee([pruned(1, 0.5), pruned(2, 0.4)]) == {0: 0.5, 1: 0.4}
    same = [complete(0.5, (2, 0.7)) for _ in range(4)]
    assert foresee([*same, pruned(2, 0.9), pruned(1, 0.6)]) == pytest.approx({4: 0.7, 5: 0.6})
    assert foresee([Record(Sample()), Record(Sample(), "failed"), complete(0.1)]) == {}
