"""Optuna driven without retix, to compare with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import optuna

from retix.space import Sample

MakeSampler = Callable[[int], optuna.samplers.BaseSampler]

OPTIONS = 3


class Direct:
    """A study over decisions ``d0``, ``d1``, ... of ``OPTIONS`` letters, each proposal by a sampler of its own seed.

    Args:
        make_sampler: Makes it, given a seed.
        seeds: Where the seeds come from.
        decisions: How many.
        directions: One per objective.
    """

    def __init__(
        self, make_sampler: MakeSampler, seeds: random.Random, decisions: int, directions: Sequence[str] = ("maximize",)
    ) -> None:
        self._make_sampler = make_sampler
        self._seeds = seeds
        self._names = [f"d{index}" for index in range(decisions)]
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(directions=directions)
        optuna.logging.set_verbosity(verbosity)
        self._open: dict[int, optuna.Trial] = {}

    def begin(self, number: int, sample: Mapping[str, str]) -> None:
        """Begin a trial that somebody else has proposed."""
        self._study.enqueue_trial({name: "abc".index(sample[name]) for name in self._names})
        self._ask(number, self._make_sampler(0))

    def ask(self, number: int) -> Sample:
        """Begin a trial that a sampler proposes."""
        return self._ask(number, self._make_sampler(self._seeds.getrandbits(32)))

    def _ask(self, number: int, sampler: optuna.samplers.BaseSampler) -> Sample:
        self._study.sampler = sampler
        trial = self._open[number] = self._study.ask()
        if isinstance(sampler, optuna.samplers.BaseGASampler):
            sampler.get_trial_generation(self._study, self._study.get_trials(deepcopy=False)[trial.number])
        return Sample({name: "abc"[trial.suggest_categorical(name, list(range(OPTIONS)))] for name in self._names})

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        """End a trial; None is a failure."""
        state = optuna.trial.TrialState.FAIL if values is None else None
        self._study.tell(self._open.pop(number), values, state=state)

    def prune(self, number: int, steps: int, value: float) -> None:
        """End a trial early."""
        trial = self._open.pop(number)
        trial.report(value, steps)
        self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
