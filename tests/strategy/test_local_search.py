"""Local search."""

from __future__ import annotations

import itertools
import json
import random
import statistics
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import LocalSearch, Random, Strategy
from retix.strategy.neighbourhood import list_moves
from retix.trial import Proposal, Trial, TrialState
from tests.strategy.toys import StackSpace, make_conditional_space, make_flat_space, make_trial, search


def count_matches(sample: Sample) -> float:
    """How many decisions have their best answer; a landscape without traps."""
    return float(sum(sample[f"d{i}"] == i % 4 for i in range(len(sample))))


def count_changes(one: Sample, other: Sample) -> int:
    """In how many answers two samples of one flat space differ."""
    return sum(one[label] != other[label] for label in one)


def start(space: Any = None, **settings: Any) -> LocalSearch:
    """A local search that is ready to be asked."""
    strategy = LocalSearch(seed=0, **settings)
    strategy.start(space or make_flat_space(4))
    return strategy


def ask(strategy: Strategy) -> Proposal:
    """A proposal that must be there."""
    proposal = strategy.ask()
    assert proposal is not None
    return proposal


def climb_by_the_paper(decisions: int, metric: Any, origin: Sample) -> list[Sample]:
    """The centres of algorithm 1 of arXiv 2005.02960 from ``origin`` on: again and again the best neighbour."""
    centres = [origin]
    while True:
        neighbours = [
            Sample({**centres[-1], f"d{i}": answer})
            for i, answer in itertools.product(range(decisions), range(4))
            if centres[-1][f"d{i}"] != answer
        ]
        best = max(neighbours, key=metric)
        if metric(best) <= metric(centres[-1]):
            return centres
        centres.append(best)


@pytest.mark.parametrize("seed", range(5))
def test_climbs_as_in_the_paper(seed: int) -> None:
    """Moving to the best neighbour visits the centres of the paper's algorithm, until it begins elsewhere."""
    rng = random.Random(seed)
    values = {Sample({"d0": a, "d1": b, "d2": c}): rng.random() for a, b, c in itertools.product(range(4), repeat=3)}
    strategy = LocalSearch(move_to="best", seed=seed)
    strategy.start(make_flat_space(3))
    samples: list[Sample] = []
    centres: list[Sample] = []
    while True:
        proposal = ask(strategy)
        if proposal.parent is None and samples:
            break
        samples.append(proposal.sample)
        if proposal.parent is not None and centres[-1:] != [samples[proposal.parent - 1]]:
            centres.append(samples[proposal.parent - 1])
        strategy.tell(make_trial(len(samples), proposal, values[proposal.sample]))
    expected = climb_by_the_paper(3, values.__getitem__, samples[0])
    # The last centre proposes nothing where its neighbours are all known from before.
    assert centres in (expected, expected[:-1])
    assert max(samples, key=values.__getitem__) == expected[-1]


def test_neighbours_differ_in_one_answer() -> None:
    """Everything but the beginning of a climb is one change away from the model it descends from."""
    strategy = start()
    proposals = search(strategy, count_matches, 40)
    children = [p for p in proposals if p.parent is not None]
    assert len(children) > 20
    assert all(count_changes(p.sample, proposals[(p.parent or 0) - 1].sample) == 1 for p in children)


def test_moves_on_at_once() -> None:
    """The first better neighbour becomes the centre; one that is just as good does not."""
    strategy = start()
    strategy.tell(make_trial(1, ask(strategy), 1.0))
    assert ask(strategy).parent == 1
    strategy.tell(make_trial(3, ask(strategy), 1.0))
    assert ask(strategy).parent == 1
    strategy.tell(make_trial(5, ask(strategy), 2.0))
    assert ask(strategy).parent == 5


def test_begins_elsewhere_on_a_summit() -> None:
    """Once all 12 neighbours are worse, the next proposal is random, and the next climb begins there, lower down."""
    strategy = start()
    strategy.tell(make_trial(1, ask(strategy), 1.0))
    for number in range(2, 14):
        strategy.tell(make_trial(number, ask(strategy), 0.0))
    beginning = ask(strategy)
    assert beginning.parent is None
    strategy.tell(make_trial(14, beginning, -5.0))
    assert ask(strategy).parent == 14


def test_sampled_neighbours_end_a_climb_earlier() -> None:
    """With three neighbours per model, the fourth proposal after it begins elsewhere."""
    strategy = start(neighbours=3)
    parents = [p.parent for p in search(strategy, lambda sample: 1.0, 9)]
    assert parents == [None, 1, 1, 1, None, 5, 5, 5, None]


def test_climbs_begin_at_the_best_of_several() -> None:
    """Several random models are tried first; the best of them is climbed from."""
    strategy = start(starts=3)
    for number, metric in ((1, 1.0), (2, 3.0), (3, 2.0)):
        proposal = ask(strategy)
        assert proposal.parent is None
        strategy.tell(make_trial(number, proposal, metric))
    assert ask(strategy).parent == 2


def test_never_waits() -> None:
    """While the last neighbours run, new beginnings are proposed; if none is better, the next climb begins there."""
    strategy = start(make_flat_space(1))
    strategy.tell(make_trial(1, ask(strategy), 5.0))
    two, three = ask(strategy), ask(strategy)
    assert (two.parent, three.parent) == (1, 1)
    strategy = start(make_flat_space(4), neighbours=2)
    strategy.tell(make_trial(1, ask(strategy), 5.0))
    open_ones = [ask(strategy) for _ in range(4)]
    assert [p.parent for p in open_ones] == [1, 1, None, None]
    for number, proposal in zip((4, 5, 2, 3), [*open_ones[2:], *open_ones[:2]], strict=True):
        strategy.tell(make_trial(number, proposal, float(number == 5)))
    assert ask(strategy).parent == 5


def test_an_early_beginning_may_win() -> None:
    """A new beginning that turns out better than the centre is climbed from at once."""
    strategy = start(make_flat_space(4), neighbours=1)
    strategy.tell(make_trial(1, ask(strategy), 5.0))
    neighbour, early = ask(strategy), ask(strategy)
    assert (neighbour.parent, early.parent) == (1, None)
    strategy.tell(make_trial(3, early, 6.0))
    assert ask(strategy).parent == 3


def test_goes_on_from_what_others_tried() -> None:
    """A warm start is climbed from at its best, and what is in it is not proposed again."""
    strategy = start(make_flat_space(1))
    for number in range(2):
        strategy.tell(make_trial(-number - 1, Proposal(Sample({"d0": number})), float(number)))
    proposals = [ask(strategy), ask(strategy)]
    assert {p.sample["d0"] for p in proposals} == {2, 3}
    assert {p.parent for p in proposals} == {-2}
    assert strategy.exhausted


def test_known_models_are_crossed_for_free() -> None:
    """A climb that meets a known better model goes on from it without proposing it again."""
    strategy = start(make_flat_space(2), neighbours=20)
    samples = [p.sample for p in search(strategy, lambda s: float(s["d0"] + s["d1"]), 1000)]
    assert len(samples) == len(set(samples)) == 16
    assert strategy.exhausted


def test_paused_trials_count_by_what_they_have_shown() -> None:
    """A paused neighbour is climbed from if it is better already, and no more once it has shown to be worse."""
    for later, parent in ((3.0, 2), (0.0, 3)):
        strategy = start(make_flat_space(2), move_to="best", neighbours=2)
        strategy.tell(make_trial(1, ask(strategy), 1.0))
        paused, other = ask(strategy), ask(strategy)
        strategy.observe(Trial(2, paused.sample, TrialState.WAITING, {"default": 2.0}, steps=1))
        strategy.observe(Trial(2, paused.sample, TrialState.WAITING, {"default": later}, steps=3))
        strategy.tell(Trial(3, other.sample, TrialState.PRUNED, {"default": 1.5}, steps=1))
        assert ask(strategy).parent == parent


def test_failures_are_no_beginnings() -> None:
    """Trials without a metric are neither climbed from nor waited for."""
    strategy = start()
    parents = [p.parent for p in search(strategy, lambda s: None, 10)]
    assert parents == [None] * 10


@pytest.mark.parametrize("workers", [1, 4])
def test_beats_random_search(workers: int) -> None:
    """On a problem that can be climbed, the median of local search is better than that of chance."""

    def best(strategy: Strategy) -> float:
        strategy.start(make_flat_space(12))
        return max(count_matches(p.sample) for p in search(strategy, count_matches, 100, workers))

    local = [best(LocalSearch(seed=seed)) for seed in range(5)]
    chance = [best(Random(seed=seed)) for seed in range(5)]
    assert statistics.median(local) > statistics.median(chance) + 1


def test_minimize_is_maximize_of_the_negative() -> None:
    """The two modes mirror each other."""
    runs = []
    for mode, sign in (("maximize", 1), ("minimize", -1)):
        strategy = start(make_flat_space(4), optimize_mode=mode)
        runs.append(search(strategy, lambda s, sign=sign: sign * count_matches(s), 50))  # type: ignore[misc]  # the default binds it
    assert runs[0] == runs[1]


def test_finds_every_network_once() -> None:
    """In the end every network of a space that invents decisions was proposed, none twice."""
    space = StackSpace()
    strategy = start(space)
    samples = [p.sample for p in search(strategy, lambda s: float(s["depth"]), 1000)]
    assert len(samples) == len({space.fingerprint(s) for s in samples}) == StackSpace.networks
    assert strategy.exhausted


def test_moves_reach_every_neighbour() -> None:
    """All other answers to live decisions are listed once; a dead decision has no neighbours."""
    sample = Sample({"op": "mlp", "width": 32, "inputs": (0, 1)})
    moves = list_moves(make_conditional_space(), sample, random.Random(0))
    expected = [["op", "conv"], ["width", 16], ["width", 64], ["inputs", [0]], ["inputs", [1]]]
    assert sorted(map(json.dumps, moves)) == sorted(map(json.dumps, expected))


def test_huge_neighbourhoods_are_sampled() -> None:
    """Subsets of a hundred candidates have too many neighbours to list; some are drawn."""
    space = DecisionSpace([Decision("inputs", tuple(range(100)), n_chosen=-1)])
    rng = random.Random(0)
    sample = space.walk(lambda d: d.draw(rng))
    moves = list_moves(space, sample, rng)
    assert 490 < len(set(moves)) == len(moves) <= 500
    assert ("inputs", sample["inputs"]) not in moves


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"starts": 0}, "starts is 0"),
        ({"neighbours": 0}, "neighbours is 0"),
        ({"move_to": "next"}, "move_to is 'next'"),
        ({"optimize_mode": "max"}, "optimize_mode is 'max'"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings: dict[str, Any], message: str) -> None:
    """A wrong setting is named with its value and with what would do."""
    with pytest.raises(ConfigError, match=message) as caught:
        LocalSearch(**settings)
    assert caught.value.fix is not None
