"""Trials as samplers of Optuna's see them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from retix.errors import SpaceError
from retix.space import Choice, Decision, Pick, Sample, SearchSpace
from retix.strategy.optuna.record import Record
from retix.strategy.optuna.study import Notebook
from retix.testing import StackSpace, make_conditional_space


class Reader(RandomSampler):
    """A sampler that draws at random, and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.trials: list[FrozenTrial] = []

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Look at the study."""
        self.trials = study.get_trials(deepcopy=False)
        return {}


def read(book: Notebook) -> list[FrozenTrial]:
    """What a sampler is shown."""
    reader = Reader()
    book.suggest(lambda seed, attempt: reader, 0, random.Random(0))
    return reader.trials


def test_records_become_trials() -> None:
    """Each stage is a state of Optuna's; only what is alive is a parameter."""
    book = Notebook(make_conditional_space(), 1, {}, fills=False)
    conv, mlp = Sample({"op": "conv", "kernel": 5}), Sample({"op": "mlp", "width": 16, "inputs": (1,)})
    book.add(Record(conv))
    book.add(Record(mlp, "complete", (-0.5,), violation=2.0))
    book.add(Record(conv, "pruned", (-0.25,), steps=3))
    book.add(Record(mlp, "failed"))
    trials = read(book)
    states = [TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    assert [trial.state for trial in trials] == states
    assert [trial.values for trial in trials] == [None, [-0.5], [-0.25], None]
    assert trials[2].intermediate_values == {3: -0.25}
    assert list(trials[1].constraints.values()) == [2.0]
    assert [sorted(name.split()[0] for name in trial.params) for trial in trials[:2]] == [
        ["kernel", "op"],
        ["inputs", "op", "width"],
    ]


def test_what_ended_may_change() -> None:
    """A paused trial goes on and ends."""
    book = Notebook(make_conditional_space(), 1, {}, fills=False)
    record = Record(Sample({"op": "conv", "kernel": 5}), "pruned", (-0.25,), steps=3)
    book.add(record)
    before = read(book)[0].params
    book.replace(0, replace(record, stage="complete", costs=(-0.75,), steps=0))
    (trial,) = read(book)
    assert (trial.state, trial.values, trial.intermediate_values) == (TrialState.COMPLETE, [-0.75], {})
    assert trial.params == before


@pytest.mark.parametrize(
    "sample", [Sample({"op": "conv"}), Sample({"op": "conv", "kernel": 4}), Sample()], ids=["short", "other", "empty"]
)
def test_samples_of_other_spaces_are_refused(sample: Sample) -> None:
    """What does not answer the space has no values, and nothing is added."""
    book = Notebook(make_conditional_space(), 1, {}, fills=False)
    with pytest.raises(SpaceError):
        book.add(Record(sample))
    assert read(book) == []


class NarrowSpace(SearchSpace):
    """One decision of which only some answers are left, as constraints leave them."""

    def __init__(self, decision: Decision, allowed: tuple[Choice, ...]) -> None:
        self.decision = replace(decision, allowed=allowed)

    def walk(self, pick: Pick) -> Sample:
        """Ask the decision."""
        return Sample({"b": self.decision.check(pick(self.decision))})


@pytest.mark.parametrize(
    ("candidates", "n_chosen", "allowed"),
    [
        (tuple(range(30)), None, (1, 27)),
        (tuple("abcdefghijklmnopqrstuvwxyz"), None, ("c", "x")),
        (tuple(range(8)), 3, ((0, 1, 2), (2, 3, 7))),
    ],
    ids=["numbers", "letters", "subsets"],
)
def test_constraints_narrow_answers(
    candidates: tuple[Choice, ...], n_chosen: int | None, allowed: tuple[Choice, ...]
) -> None:
    """Where constraints leave few answers, one of these is given, and in the long run each."""
    book = Notebook(NarrowSpace(Decision("b", candidates, n_chosen), allowed), 1, {}, fills=False)
    rng = random.Random(0)
    assert {book.suggest(_make_random, 0, rng)["b"] for _ in range(40)} == set(allowed)


def _make_random(seed: int, attempt: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def test_missing_decisions_are_filled_up() -> None:
    """For a sampler that crosses trials all have values for all decisions, the same ones in another notebook."""
    samples = [
        Sample({"depth": 1, "channels0": 1, "colour": 0}),
        Sample({"depth": 3, "channels0": 1, "channels1": 2, "channels2": 3, "colour": 1}),
        Sample({"depth": 2, "channels0": 2, "channels1": 3, "colour": 1}),
    ]
    books = [Notebook(StackSpace(), 1, {}, fills=True) for _ in range(2)]
    for book in books:
        for sample in samples:
            book.add(Record(sample))
    first, second = (read(book) for book in books)
    names = {name for trial in first for name in trial.params}
    assert len(names) > len(samples[1])
    for trial, twin in zip(first, second, strict=True):
        assert trial.params.keys() == trial.distributions.keys() == names
        assert trial.params == twin.params
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            assert distribution.to_external_repr(distribution.to_internal_repr(value)) == value
