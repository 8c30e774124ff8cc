"""WarmStart: a search that begins with what is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from retix.errors import ConfigError
from retix.objective import Limit
from retix.space import Decision, DecisionSpace, Sample
from retix.strategy import Constrained, Dedup, Random, RegularizedEvolution, WarmStart
from retix.testing import PickySpace, make_conditional_space, make_flat_space, make_trial, search
from retix.trial import Failure, FailureKind, Trial, TrialState
from tests.strategy.scripted import Scripted

FLAT = make_flat_space(3)
EARLIER = [
    Trial(4, Sample({"d0": 3, "d1": 3, "d2": 2}), TrialState.SUCCEEDED, {"default": 8.0}, parent=2),
    Trial(9, Sample({"d0": 0, "d1": 0, "d2": 0}), TrialState.PRUNED, {"default": 0.0}, steps=3),
]


def test_samples_come_first() -> None:
    """Given samples are proposed in their order, completed by first answers; then the strategy goes on."""
    inner = Scripted([{"d0": 1, "d1": 1, "d2": 1}])
    strategy = WarmStart(inner, [{"d1": 2}, Sample({"d0": 3, "d1": 0, "d2": 3})])
    strategy.start(FLAT)
    samples = [proposal.sample for proposal in search(strategy, lambda _: 0.5, 10)]
    assert [list(map(int, sample.values())) for sample in samples] == [[0, 2, 0], [3, 0, 3], [1, 1, 1]]
    assert [trial.id for trial in inner.told] == [1, 2, 3]
    assert strategy.exhausted


def test_conditions_are_kept() -> None:
    """What a sample leaves open is only asked if it matters."""
    strategy = WarmStart(Random(), [{"op": "mlp", "width": 64}, {"op": "conv"}])
    strategy.start(make_conditional_space())
    assert [dict(proposal.sample) for proposal in search(strategy, lambda _: 0.5, 2)] == [
        {"op": "mlp", "width": 64, "inputs": (0,)},
        {"op": "conv", "kernel": 3},
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"d1": 9}, "9 does not answer the choice 'd1'"),
        ({"width": 3}, "answers 'width', which is not asked"),
        ({"op": "conv", "width": 16}, "answers 'width', which is not asked"),
    ],
)
def test_wrong_samples_are_refused_at_the_start(given: dict[str, object], message: str) -> None:
    """A sample that does not fit is refused before anything is trained, and named by its place."""
    strategy = WarmStart(Random(), [{}, given])
    with pytest.raises(ConfigError, match=message) as caught:
        strategy.start(make_conditional_space() if "op" in given else FLAT)
    assert caught.value.where == "sample 2 of WarmStart"


def test_samples_keep_constraints_and_limits() -> None:
    """A sample that the space refuses, or that is beyond a limit, is refused at the start."""
    with pytest.raises(ConfigError, match="is not permitted"):
        WarmStart(Random(), [{"channels0": 2}]).start(PickySpace())
    strategy = Constrained(WarmStart(Random(), [{"channels0": 3}]), Limit("parameters", at_most=2))
    with pytest.raises(ConfigError, match="is not permitted"):
        strategy.start(PickySpace())


def test_earlier_trials_are_told_and_not_run() -> None:
    """Trials with a result that fit are told, under numbers of their own; the others are left out."""
    failed = Trial(5, EARLIER[0].sample, TrialState.FAILED, failure=Failure(FailureKind.RAISED, "no"))
    left_out = [
        failed,
        replace(EARLIER[0], state=TrialState.DUPLICATE, duplicate_of=4),
        replace(EARLIER[0], metrics={"default": math.nan}),
        replace(EARLIER[0], metrics={"loss": 1.0}),
        replace(EARLIER[0], sample=Sample({"d0": 3, "d1": 3})),
        replace(EARLIER[0], sample=Sample({"d0": 3, "d1": 3, "d2": 2, "d3": 1})),
        replace(EARLIER[0], sample=Sample({"d0": 7, "d1": 3, "d2": 2})),
        Trial(6, EARLIER[0].sample),
    ]
    inner = Scripted([])
    WarmStart(inner, [*left_out, *EARLIER]).start(FLAT)
    assert [trial.sample for trial in inner.told] == [trial.sample for trial in EARLIER]
    assert [(trial.metric, trial.steps, trial.parent) for trial in inner.told] == [(8.0, 0, None), (0.0, 3, None)]
    assert len({trial.id for trial in inner.told}) == 2
    assert all(trial.id < 0 for trial in inner.told)


def test_the_strategy_goes_on_from_the_earlier_trials() -> None:
    """Evolution breeds from the best of the earlier experiment; its children have no parent here, and no weights."""
    evolution = RegularizedEvolution(population_size=2, sample_size=9, mutation_prob=0.0, seed=1, inherit_weights=True)
    strategy = WarmStart(evolution, EARLIER)
    strategy.start(FLAT)
    assert strategy.possible_parents() == frozenset()
    first = strategy.ask()
    assert first is not None
    assert (first.parent, first.inherit) == (None, False)
    best = EARLIER[0].sample
    assert sum(first.sample[label] != best[label] for label in best) == 1
    strategy.tell(make_trial(1, first, 20.0))
    assert strategy.possible_parents() == {1}
    second = strategy.ask()
    assert second is not None
    assert (second.parent, second.inherit) == (1, True)


def test_known_networks_are_not_tried_again() -> None:
    """With Dedup inside, what the earlier experiment has tried is left out, and its results are known."""
    known = [Trial(i, Sample({"d": i}), TrialState.SUCCEEDED, {"default": float(i)}) for i in range(6)]
    strategy = WarmStart(Dedup(Random(dedup=False, seed=1)), known)
    strategy.start(DecisionSpace([Decision("d", tuple(range(8)))]))
    assert {int(proposal.sample["d"]) for proposal in search(strategy, lambda _: 0.5, 20)} == {6, 7}
    assert strategy.exhausted


def test_a_resumed_search_does_not_begin_again() -> None:
    """With a state that has begun, samples come once and trials are told once, whether started before or after."""
    original = WarmStart(
        RegularizedEvolution(population_size=5, sample_size=2, seed=1), [{"d0": 1}, {"d0": 2}, *EARLIER]
    )
    original.start(FLAT)
    original.ask()
    text = json.dumps(original.state())
    for early in (True, False):
        inner = RegularizedEvolution(population_size=5, sample_size=2, seed=1)
        again = WarmStart(inner, [{"d0": 1}, {"d0": 2}, *EARLIER])
        if not early:
            again.start(FLAT)
        again.load_state(json.loads(text))
        again.start(FLAT)
        assert json.dumps(again.state()) == text
        proposal = again.ask()
        assert proposal is not None
        assert proposal.sample["d0"] == 2


def test_what_it_takes() -> None:
    """A sample, a trial or a list of them; nothing else."""
    for known in ({"d0": 2}, EARLIER[0], [], iter([{"d0": 2}])):
        WarmStart(Random(), known).start(FLAT)  # type: ignore[arg-type]  # one alone is taken for a list of one
    for wrong in ("x3kd90qa", [1, 2], [None]):
        with pytest.raises(ConfigError, match="a search cannot begin with"):
            WarmStart(Random(), wrong)  # type: ignore[arg-type]  # the mistake that is shown
