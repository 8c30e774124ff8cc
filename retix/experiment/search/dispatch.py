"""How trials get to the engine."""

from __future__ import annotations

import json
from dataclasses import replace

from retix.errors import RetixError
from retix.execution import Engine
from retix.experiment.search.budget import Budget
from retix.experiment.search.inheriting import make_inheritance
from retix.experiment.search.job_maker import JobMaker
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.outcomes import Outcomes
from retix.experiment.search.roster import Entry, Roster
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.model_space import ModelSpace
from retix.trial import FailureKind, Inheritance, Trial, TrialState

INHERITED_FILE = "inherited.json"
"""In a trial's directory: what it took over from its parent, or why it took over nothing."""

_WORDS = {
    TrialState.FAILED: "has failed",
    TrialState.STOPPED: "was stopped",
    TrialState.PRUNED: "was ended by early stopping",
    TrialState.WAITING: "is paused",
    TrialState.RUNNING: "was paused, and has not ended yet",
}


class Dispatch:
    """Gives trials that are ready to free slots, with what they inherit.

    Args:
        space: The space.
        engine: Has the slots.
        jobs: Makes jobs.
        budget: Has the limits of a trial.
        ledger: Records.
        roster: Has the trials that are ready.
        outcomes: Ends what cannot be built.
        weights: Knows where weights are.
    """

    def __init__(
        self,
        space: ModelSpace,
        engine: Engine,
        jobs: JobMaker,
        budget: Budget,
        ledger: Ledger,
        roster: Roster,
        outcomes: Outcomes,
        weights: WeightKeeper,
    ) -> None:
        self._space = space
        self._engine = engine
        self._jobs = jobs
        self._budget = budget
        self._ledger = ledger
        self._roster = roster
        self._outcomes = outcomes
        self._weights = weights

    def submit_ready(self) -> None:
        """Fill the free slots, as far as there is what is ready."""
        while self._roster.ready and self._engine.free > 0:
            self._submit(self._roster.submit())

    def _submit(self, entry: Entry) -> None:
        try:
            # After a resume nothing is left of what was built before.
            entry.job = entry.job or self._jobs.make(entry.trial, self._budget.limits)
        except RetixError as error:
            with self._ledger.round():
                unbuilt = replace(entry.trial, metrics=entry.measures, steps=0)
                self._outcomes.end_unbuilt(unbuilt, FailureKind.BUILD, error)
            return
        inheritance = self._find_inheritance(entry.trial) if entry.trial.inherit else None
        self._engine.submit(self._jobs.equip(entry.job, inheritance))

    def _find_inheritance(self, trial: Trial) -> Inheritance | None:
        """What a trial takes over; where its model can take over nothing, a file beside its source says why."""
        assert trial.parent is not None
        parent = self._ledger.store.trial(trial.parent)
        if parent.duplicate_of is not None:
            parent = self._ledger.store.trial(parent.duplicate_of)  # which has the weights
        address = self._weights.address(parent.id)
        if parent.state is not TrialState.SUCCEEDED:
            self._start_fresh(trial, parent, f"trial {parent.id} {_WORDS.get(parent.state, parent.state)}")
            return None
        if address is None:
            self._start_fresh(trial, parent, f"the weights of trial {parent.id} are gone")
            return None
        try:
            inheritance = make_inheritance(self._space, parent, trial, address)
            why = f"nothing of trial {parent.id} fits"
        except RetixError as error:
            inheritance, why = None, f"it cannot be found out what fits: {error.what}"
        if inheritance is None:
            self._start_fresh(trial, parent, why)
            # The evaluator may read the weights and files of the parent by itself.
            return Inheritance(parent.id, address)
        return inheritance

    def _start_fresh(self, trial: Trial, parent: Trial, why: str) -> None:
        note = {"parent": parent.id, "fresh": True, "why": why}
        self._ledger.store.write_file(f"trials/{trial.id}/{INHERITED_FILE}", json.dumps(note).encode())
