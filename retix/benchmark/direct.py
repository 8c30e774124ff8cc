"""Optuna's samplers, driven as their own users drive them: what retix's strategies are measured against."""

from __future__ import annotations

from typing import Any

from retix.errors import ConfigError
from retix.space import Choice, Decision, Sample
from retix.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState


class DirectOptuna(Strategy):
    """A sampler of Optuna's with its defaults: categorical suggestions, and no care for duplicates.

    Args:
        sampler: The name of a class in ``optuna.samplers``.
        seed: The sampler's.
    """

    def __init__(self, sampler: str, seed: int | None = None) -> None:
        super().__init__(seed)
        self._optuna = _import_optuna()
        self._sampler = sampler
        self._study: Any = None
        self._open: list[tuple[Sample, Any]] = []

    @property
    def is_multi_objective(self) -> bool:
        return True

    @property
    def exhausted(self) -> bool:
        return False

    def ask(self) -> Proposal:
        if self._study is None:
            sampler = getattr(self._optuna.samplers, self._sampler)(seed=self.seed)
            directions = [objective.mode for objective in self.objectives]
            self._study = self._optuna.create_study(directions=directions, sampler=sampler)
        trial = self._study.ask()

        def pick(decision: Decision) -> Choice:
            options = list(decision.options())
            return options[trial.suggest_categorical(decision.label, list(range(len(options))))]

        sample = self.space.walk(pick)
        self._open.append((sample, trial))
        return Proposal(sample)

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        found = next((pair for pair in self._open if pair[0] == trial.sample), None)
        if found is None:
            return
        self._open.remove(found)
        if trial.state is TrialState.FAILED or not trial.metrics:
            self._study.tell(found[1], state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(found[1], [trial.metrics[objective.name] for objective in self.objectives])


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("Optuna is not installed", fix="pip install 'retix[optuna]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
