"""Trials that early stopping has paused: how they go on, and how they end."""

from __future__ import annotations

from dataclasses import replace

from retix.errors import ConfigError
from retix.experiment.search.judge import Judge
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.outcomes import Outcomes
from retix.experiment.search.roster import Roster


class Pausing:
    """Lets paused trials go on that the rule names, and ends those that nothing is left for.

    Args:
        judge: Has the rule.
        ledger: Records.
        roster: Has the trials.
        outcomes: Ends trials.
    """

    def __init__(self, judge: Judge, ledger: Ledger, roster: Roster, outcomes: Outcomes) -> None:
        self._judge = judge
        self._ledger = ledger
        self._roster = roster
        self._outcomes = outcomes

    def promote_next(self) -> bool:
        """Let one paused trial go on, if one is worth it; it is ready then.

        Raises:
            ConfigError: The rule names a trial that cannot go on.
        """
        number = self._judge.next_promotion()
        return number is not None and self._promote(number)

    def promote_finalist(self) -> bool:
        """Let the best paused trial go on, if none has succeeded: a search without that would have no model to show.

        Raises:
            ConfigError: The rule names a trial that cannot go on.
        """
        number = None if self._outcomes.has_succeeded else self._judge.next_finalist()
        return number is not None and self._promote(number)

    def _promote(self, number: int) -> bool:
        entry = self._roster.find(number)
        if entry is None:
            raise ConfigError(
                f"the rule of early stopping lets trial {number} go on, which has ended or never was",
                fix="let next_promotion() name trials that `report` has paused, and of which `ended` was not called",
            )
        if not self._roster.is_paused(number):
            return False  # its worker died before it could pause: it runs again, and pauses then
        entry.trial = replace(entry.trial, waits_for="waits for a free slot")
        with self._ledger.round():
            self._ledger.promote(entry.trial)
        self._roster.promote(number)
        return True

    def end_all(self) -> None:
        """End all paused trials with what they have shown, because none of them will go on."""
        with self._ledger.round():
            for entry in self._roster:
                if self._roster.is_paused(entry.trial.id):
                    self._outcomes.prune(entry.trial)
