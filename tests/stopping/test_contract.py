"""The contract of rules of early stopping, for each rule of retix."""

from __future__ import annotations

from retix.stopping import ASHA, EarlyStopping, Hyperband, MedianStopping, Patience
from retix.testing import EarlyStoppingContract
from retix.testing.stopping_contract import follow


class TestASHA(EarlyStoppingContract):
    """Trials wait at rungs."""

    def make(self) -> EarlyStopping:
        return ASHA(max_steps=9)


class TestStoppingASHA(EarlyStoppingContract):
    """Trials go on or end at rungs."""

    def make(self) -> EarlyStopping:
        return ASHA(max_steps=9, mode="stop")


class TestHyperband(EarlyStoppingContract):
    """Three ladders of rungs."""

    def make(self) -> EarlyStopping:
        return Hyperband(max_steps=9, reduction=2)


class TestMedianStopping(EarlyStoppingContract):
    """Trials end that are worse than most."""

    def make(self) -> EarlyStopping:
        return MedianStopping(grace_steps=1, warmup_trials=3)


class TestPatience(EarlyStoppingContract):
    """Trials end that get no better; levels that are reached early make some do so."""

    def make(self) -> EarlyStopping:
        return Patience(2)

    def test_some_trials_are_left_alone(self, rule: EarlyStopping) -> None:
        """It compares with nobody: where what is to be low only rises, every trial ends."""
        if rule.objectives.primary.mode == "maximize":
            super().test_some_trials_are_left_alone(rule)
        else:
            assert not follow(rule, self.trials, self.steps).whole
