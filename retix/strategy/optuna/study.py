"""A study of Optuna's, kept in step with a strategy's records. Needs Optuna."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseGASampler, BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from retix.errors import SpaceError
from retix.space import Choice, Decision, Sample, SearchSpace
from retix.strategy.optuna.coding import Codebook
from retix.strategy.optuna.record import Record, Stage
from retix.strategy.optuna.storage import NAME, Storage

MakeSampler: TypeAlias = Callable[[int, int], BaseSampler]
"""Makes a sampler, given a seed and which attempt at one proposal it is for, counted from 0."""

Draw: TypeAlias = Callable[[str, BaseDistribution], Any]
"""Draws a value for a parameter by itself, given its name."""

_STATES: dict[Stage, TrialState] = {
    "open": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}

_NO_TIME = datetime.fromtimestamp(0, UTC)
"""Samplers do not look at the time."""

_DRAWS = 4
"""How often an answer that constraints rule out is drawn anew."""


class Notebook:
    """The trials of a strategy as samplers of Optuna's see them.

    A sampler serves one attempt at one proposal and is then thrown away, so that all there is to know lies in the
    records, the notes and the seeds: what a sampler would remember, it works out again, or notes in the study.

    Args:
        space: What is searched.
        objectives: How many there are.
        notes: What samplers note of the study; it is changed in place.
        fills: Whether a trial also gets values, which look random, for the parameters that others have and it has not:
            for samplers that only look at what all trials have.
    """

    def __init__(self, space: SearchSpace, objectives: int, notes: dict[str, Any], *, fills: bool) -> None:
        self._space = space
        self._storage = Storage(objectives, notes)
        self._codings = Codebook()
        self._fills = fills
        self._known: dict[str, BaseDistribution] = {}

    def add(self, record: Record) -> None:
        """Add a record; they are numbered from 0.

        Raises:
            SpaceError: Its sample is not in the space.
        """
        values, distributions = self._encode(record.sample)
        trial = _make_trial(len(self._storage), record, values, distributions)
        self._storage.put(trial)
        if self._fills:
            self._pad(trial)

    def replace(self, number: int, record: Record) -> None:
        """Put a record in the place of an earlier one of the same sample."""
        old = self._storage.get_trial(number)
        self._storage.put(_make_trial(number, record, old.params, old.distributions))

    def mark(self, make_sampler: MakeSampler) -> dict[str, int]:
        """What the sampler notes of the next trial, whoever proposes it."""
        draft = self._draft()
        if self._fills:
            with _quiet():
                sampler = make_sampler(0, 0)
            if isinstance(sampler, BaseGASampler):
                sampler.get_trial_generation(self._study(sampler), draft)
        return dict(draft.system_attrs)

    def suggest(self, make_sampler: MakeSampler, attempt: int, rng: random.Random) -> Sample:
        """Let a new sampler answer the decisions of a walk."""
        with _quiet():
            sampler = make_sampler(rng.getrandbits(32), attempt)
            study, draft = self._study(sampler), self._draft()
            sampler.before_trial(study, draft)
            relative = sampler.sample_relative(study, draft, sampler.infer_relative_search_space(study, draft))

            def draw(name: str, distribution: BaseDistribution) -> Any:
                return sampler.sample_independent(study, draft, name, distribution)

            return self._space.walk(lambda decision: self._answer(decision, relative, draw, rng))

    def _answer(
        self,
        decision: Decision,
        relative: dict[str, Any],
        draw: Callable[[str, BaseDistribution], Any],
        rng: random.Random,
    ) -> Choice:
        """Answer a decision by the joint draw, and on its own where that has nothing that is allowed."""
        coding = self._codings[decision]
        items = coding.distributions.items()
        choice = coding.decode({n: relative[n] if n in relative else draw(n, d) for n, d in items}, rng)
        if decision.allowed is None:
            return choice
        for _ in range(_DRAWS):
            if choice in decision.allowed:
                return choice
            choice = coding.decode({n: draw(n, d) for n, d in items}, rng)
        return choice if choice in decision.allowed else coding.near(choice, decision.allowed, rng)

    def _encode(self, sample: Sample) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        values: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}

        def pick(decision: Decision) -> Choice:
            if decision.label not in sample:
                raise SpaceError(f"{sample} does not answer the choice {decision.label!r}")
            choice = decision.check(sample[decision.label])
            coding = self._codings[decision]
            values.update(coding.encode(choice))
            distributions.update(coding.distributions)
            return choice

        self._space.walk(pick)
        return values, distributions

    def _pad(self, trial: FrozenTrial) -> None:
        """Give the trial what it lacks of the parameters that are known, and the others what only it has."""
        new = {name: trial.distributions[name] for name in trial.distributions if name not in self._known}
        for other in self._storage.get_all_trials(0) if new else ():
            _fill(other, new)
        _fill(trial, self._known)
        self._known.update(new)

    def _study(self, sampler: BaseSampler) -> Study:
        return Study(NAME, self._storage, sampler)

    def _draft(self) -> FrozenTrial:
        draft = _make_trial(len(self._storage), Record(Sample()), {}, {})
        self._storage.draft(draft)
        return draft


def _make_trial(
    number: int, record: Record, values: dict[str, Any], distributions: dict[str, BaseDistribution]
) -> FrozenTrial:
    trial = FrozenTrial(
        number=number,
        trial_id=number,
        state=_STATES[record.stage],
        value=None,
        values=record.costs or None,
        datetime_start=_NO_TIME,
        datetime_complete=_NO_TIME,
        params=values,
        distributions=distributions,
        user_attrs={},
        system_attrs=dict(record.marks),
        intermediate_values={record.steps: record.costs[0]} if record.stage == "pruned" else {},
    )
    if record.violation is not None:
        trial.set_constraint("limits", record.violation)
    return trial


def _fill(trial: FrozenTrial, distributions: dict[str, BaseDistribution]) -> None:
    """Give a trial values that follow from its number, and look random, where it has none."""
    for name, distribution in distributions.items():
        if name not in trial.distributions:
            draw = random.Random(f"{trial.number} {name}").randrange(_size(distribution))
            trial.params[name] = distribution.to_external_repr(draw)
            trial.distributions[name] = distribution


def _size(distribution: BaseDistribution) -> int:
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    assert isinstance(distribution, IntDistribution)
    return distribution.high + 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from telling users, at every proposal, which of its options are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
