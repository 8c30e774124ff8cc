"""Strategies compared on the table of digits."""

from __future__ import annotations

import math

import pytest

from retix.benchmark import CONTESTANTS, Result, Run, compare, find_regret, load_table, median
from retix.errors import ConfigError
from retix.strategy import Strategy


def test_random_search_needs_what_chance_says() -> None:
    """How long random search takes follows from how likely it is to draw one of the best."""
    [standing] = compare(["random"], seeds=60, trials=250)
    table = load_table()
    sizes = {decision.label: decision.size for decision in table.space.decisions}
    samples = [table.space.sample(row) for row in table.top()]
    chance = sum(1 / math.prod(sizes[label] for label in sample) for sample in samples)
    expected = math.log(0.5) / math.log(1 - chance)
    # The median of 60 draws of a geometric distribution lies within 40 % of its own, save once in thousands of times.
    assert median(standing.trials) == pytest.approx(expected, rel=0.4)
    assert all(epochs == trials * table.epochs for trials, epochs in zip(standing.trials, standing.epochs, strict=True))


def test_good_strategies_need_less() -> None:
    """Evolution needs less than half of random's trials, and the best stack less than a sixth of its epochs."""
    evolution, best = compare(["evolution", "best"], seeds=15, trials=80)
    assert median(evolution.trials) < 69 / 2
    assert median(best.epochs) < 69 * 12 / 6


def test_processes_change_nothing() -> None:
    """Searches in several processes give what they give in one."""
    [alone] = compare(["evolution"], seeds=3, trials=30)
    [together] = compare(["evolution"], seeds=3, trials=30, processes=2)
    assert (alone.trials, alone.epochs) == (together.trials, together.epochs)
    assert repr(alone.regrets) == repr(together.regrets)  # NaN is not itself


@pytest.mark.parametrize("name", CONTESTANTS)
def test_contestants(name: str) -> None:
    """Each can be made, is seeded, and searches."""
    contestant = CONTESTANTS[name]
    strategy = contestant.make(7)
    assert isinstance(strategy, Strategy)
    assert strategy.seed == 7
    [standing] = compare([name], seeds=1, trials=3)
    assert standing.regrets[0][:1] != ()
    assert contestant.about


def test_regret_is_of_what_seems_best() -> None:
    """What counts is the network that a user would take: the best by what was seen, among those trained to the end."""
    table = load_table()
    order = sorted(range(table.networks), key=lambda row: table.quality[row])
    worst, middle, best = order[0], order[800], order[-1]
    seen = [(middle, 12, 0.9, True), (worst, 24, 0.95, True), (best, 25, 0.99, False)]
    run = Run([Result(row, 1, epochs, {"default": value}, whole) for row, epochs, value, whole in seen])
    assert math.isnan(find_regret(table, run, 11))
    assert find_regret(table, run, 12) == pytest.approx(table.quality[best] - table.quality[middle])
    assert find_regret(table, run, 99) == pytest.approx(table.quality[best] - table.quality[worst])


def test_what_cannot_be_compared() -> None:
    """Unknown names and empty budgets are refused, with what there is."""
    with pytest.raises(ConfigError, match="no strategy 'simulated annealing'"):
        list(compare(["simulated annealing"]))
    with pytest.raises(ConfigError, match="seeds is 0"):
        list(compare(["random"], seeds=0))
