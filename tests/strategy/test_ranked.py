"""Ranked: the models first that look best without training."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from retix.errors import ConfigError, MutationError, SpaceError
from retix.objective import Limit, Objective
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import Constrained, GridSearch, Random, Ranked, RegularizedEvolution
from retix.testing import StackSpace, make_flat_space, make_trial, search
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.scripted import Scripted


class Numbers(DecisionSpace):
    """Samples are numbers below a hundred, with measures that are written down; what is measured is counted."""

    def __init__(self, **measures: Mapping[int, float]) -> None:
        super().__init__([Decision("tens", tuple(range(10))), Decision("ones", tuple(range(10)))])
        self._measures = measures
        self.looks = 0

    def measure(self, sample: Sample, name: str) -> float:
        self.looks += 1
        if name == "value":
            return read(sample)
        if name == "broken" and read(sample) % 2:
            raise MutationError("such a model cannot be built")
        if name == "broken":
            return read(sample)
        if name == "void":
            return math.nan
        return super().measure(sample, name) if name not in self._measures else self._measures[name][read(sample)]


def read(sample: Sample) -> int:
    """The number that a sample stands for."""
    return 10 * int(sample["tens"]) + int(sample["ones"])


def run(strategy: Ranked, space: Numbers, trials: int) -> list[int]:
    """The numbers that are proposed first."""
    strategy.start(space)
    return [read(proposal.sample) for proposal in search(strategy, lambda sample: float(read(sample)), trials)]


def test_the_best_come_first() -> None:
    """With all of a space for candidates, the best by the measure come first, in their order."""
    assert run(Ranked(Scripted([]), "value", candidates=100, keep=5), Numbers(), 20) == [99, 98, 97, 96, 95]
    small = Ranked(Scripted([]), Objective("value", "minimize"), candidates=1000, keep=3)
    assert run(small, Numbers(), 20) == [0, 1, 2]


def test_candidates_are_drawn_once_each() -> None:
    """Of so many different networks the best are proposed; each candidate is measured once, before the first trial."""
    space = Numbers()
    strategy = Ranked(Scripted([]), "value", candidates=30, keep=30)
    proposed = run(strategy, space, 50)
    assert len(set(proposed)) == 30
    assert proposed == sorted(proposed, reverse=True)
    assert space.looks == 30


def test_equal_networks_are_one_candidate() -> None:
    """Samples that make the same network are ranked once."""
    strategy = Ranked(Random(dedup=False, seed=1), "parameters", candidates=500, keep=500)
    strategy.start(StackSpace())
    first = [strategy.ask() for _ in range(StackSpace.networks)]
    networks = {strategy.space.fingerprint(proposal.sample) for proposal in first if proposal}
    assert len(networks) == StackSpace.networks


def test_ranks_are_added() -> None:
    """Several measures are joined by the sum of ranks; equal values have the mean of their ranks."""
    pick = {number: float(number % 7) for number in range(100)}
    spoil = {number: -1000.0 if number >= 90 else float(number) for number in range(100)}
    strategy = Ranked(Scripted([]), ["pick", "spoil"], candidates=100, keep=100)
    proposed = run(strategy, Numbers(pick=pick, spoil=spoil), 100)

    def rank(values: Mapping[int, float], number: int) -> float:
        better = sum(value > values[number] for value in values.values())
        return better + (sum(value == values[number] for value in values.values()) + 1) / 2

    sums = [rank(pick, number) + rank(spoil, number) for number in proposed]
    assert sums == sorted(sums)
    assert proposed[0] == 83


def test_the_strategy_goes_on_from_them() -> None:
    """Evolution is told of the ranked models and breeds from the best of them."""
    evolution = RegularizedEvolution(population_size=4, sample_size=10, mutation_prob=0.0, dedup=True, seed=2)
    strategy = Ranked(evolution, "value", candidates=100, keep=4)
    strategy.start(Numbers())
    proposals = search(strategy, lambda sample: float(read(sample)), 5)
    assert [proposal.parent for proposal in proposals[:4]] == [None] * 4
    assert proposals[4].parent == 1


def test_what_cannot_be_measured_comes_last() -> None:
    """A model that cannot be built, or measured, ranks behind all others; a measure that fails on all is refused."""
    proposed = run(Ranked(Scripted([]), "broken", candidates=100, keep=60), Numbers(), 60)
    assert proposed[:50] == list(range(98, -1, -2))
    assert all(number % 2 for number in proposed[50:])
    with pytest.raises(ConfigError, match="cannot be ranked by 'void': none of 100 drawn has a value"):
        run(Ranked(Random(), ["value", "void"]), Numbers(), 1)
    with pytest.raises(SpaceError, match="Numbers cannot measure 'naswot'"):
        run(Ranked(Random()), Numbers(), 1)


def test_what_others_have_tried_is_left_out() -> None:
    """A network that was told before the ranking, or that somebody tries meanwhile, is not proposed again."""
    space = Numbers()
    inner = Scripted([])
    strategy = Ranked(inner, "value", candidates=100, keep=4)
    strategy.start(space)
    best = space.complete({"tens": 9, "ones": 9})
    strategy.tell(Trial(1, best, TrialState.SUCCEEDED, {"default": 1.0}))
    first = strategy.ask()
    assert first is not None
    assert read(first.sample) == 98
    strategy.observe(Trial(3, space.complete({"tens": 9, "ones": 7}), metrics={"default": 0.1}, steps=1))
    strategy.tell(make_trial(2, first, 0.5))
    rest = [strategy.ask(), strategy.ask(), strategy.ask()]
    assert [proposal and read(proposal.sample) for proposal in rest] == [96, 95, None]
    assert len(inner.told) == 2
    assert len(inner.observed) == 1


@pytest.mark.parametrize("screen", [0.0, 0.6])
def test_a_resumed_search_does_not_measure_again(screen: float) -> None:
    """The ranking is part of the state: it goes on without drawing or ranking anew."""
    original = Ranked(Random(seed=4), "value", candidates=50, keep=5, screen=screen)
    original.start(Numbers())
    original.ask()
    text = json.dumps(original.state(), allow_nan=False)
    for early in (True, False):
        space = Numbers()
        again = Ranked(Random(seed=1), "value", candidates=50, keep=5, screen=screen)
        if not early:
            again.start(space)
        again.load_state(json.loads(text))
        again.start(space)
        assert [again.ask() for _ in range(4)] == _peek(original, text, 4, screen)
        assert space.looks == 0


def _peek(original: Ranked, text: str, number: int, screen: float) -> list[Proposal | None]:
    """What the original proposes next, without changing it."""
    twin = Ranked(Random(seed=7), "value", candidates=50, keep=5, screen=screen)
    twin.start(original.space)
    twin.load_state(json.loads(text))
    return [twin.ask() for _ in range(number)]


def test_screened_models_never_come() -> None:
    """With a screen, the worse share of the candidates is left out of all that is proposed, to the end."""
    proposed = run(Ranked(GridSearch(seed=1), "value", candidates=100, keep=1, screen=0.75), Numbers(), 100)
    assert sorted(set(proposed)) == list(range(75, 100))
    assert sorted(set(run(Ranked(GridSearch(seed=1), "value", candidates=100, keep=1), Numbers(), 200))) == list(
        range(100)
    )


def test_limits_go_around() -> None:
    """Candidates keep the limits that are put around; limits inside are refused."""
    strategy = Constrained(Ranked(Scripted([]), "value", candidates=100, keep=3), Limit("value", at_most=42))
    space = Numbers()
    strategy.start(space)
    assert [read(proposal.sample) for proposal in search(strategy, lambda _: 1.0, 9)] == [42, 41, 40]
    with pytest.raises(ConfigError, match="put Constrained around Ranked"):
        Ranked(Constrained(Random(), Limit("value", at_most=42)))


def test_wrong_settings_are_refused() -> None:
    """Numbers and measures have to make sense."""
    with pytest.raises(ConfigError, match="no measure"):
        Ranked(Random(), [])
    for candidates, keep in ((5, 6), (0, 0), (5, 0)):
        with pytest.raises(ConfigError, match=f"keep {keep} of {candidates} candidates"):
            Ranked(Random(), candidates=candidates, keep=keep)
    for screen in (-0.1, 1.0):
        with pytest.raises(ConfigError, match="screen is"):
            Ranked(Random(), screen=screen)


def test_large_spaces_are_ranked_quickly() -> None:
    """A few hundred candidates are a few hundred walks and measurements, whatever the size of the space."""
    walks = 0

    class Large(DecisionSpace):
        def __init__(self) -> None:
            super().__init__(make_flat_space(40, 10).decisions)

        def walk(self, pick):  # type: ignore[no-untyped-def]  # only counted
            nonlocal walks
            walks += 1
            return super().walk(pick)

        def measure(self, sample: Sample, name: str) -> float:
            return float(sum(map(int, sample.values())))

    strategy = Ranked(Random(seed=1), "sum", candidates=300, keep=5)
    strategy.start(Large())
    assert strategy.ask() is not None
    assert walks <= 600
