"""How proposals become trials."""

from __future__ import annotations

import time
from dataclasses import replace

from retix.errors import ConfigError, EvaluationError, InvalidMutation, RetixError
from retix.experiment.search.budget import Budget
from retix.experiment.search.job_maker import JobMaker
from retix.experiment.search.ledger import Ledger
from retix.experiment.search.outcomes import Outcomes
from retix.experiment.search.roster import Entry, Roster
from retix.model_space import ModelSpace
from retix.space import Sample
from retix.trial import FailureKind, Proposal, Trial


class Admission:
    """Makes a trial of each proposal: one that is run, one that carries a known result, or one that cannot be built.

    Args:
        space: Recognises networks.
        jobs: Builds.
        budget: Counts.
        ledger: Records.
        roster: Takes trials up.
        outcomes: Ends those that end at once.
        measured: The names of the measures that are taken of each model before it is trained.
    """

    def __init__(
        self,
        space: ModelSpace,
        jobs: JobMaker,
        budget: Budget,
        ledger: Ledger,
        roster: Roster,
        outcomes: Outcomes,
        measured: tuple[str, ...] = (),
    ) -> None:
        self._space = space
        self._jobs = jobs
        self._budget = budget
        self._ledger = ledger
        self._roster = roster
        self._outcomes = outcomes
        self._measured = measured
        self.last_id = 0
        """The number of trials so far."""

    def admit(self, proposal: Proposal) -> Trial:
        """Record the trial of a proposal, in a round of its own."""
        self.last_id += 1
        if proposal.parent is not None and not 0 < proposal.parent < self.last_id:
            raise ConfigError(
                f"trial {self.last_id} is proposed as a child of trial {proposal.parent}, which there is not",
                fix="let a strategy name parents by the ids of trials that it was told",
            )
        trial = Trial(
            self.last_id,
            proposal.sample,
            parent=proposal.parent,
            created=time.time(),
            inherit=proposal.inherit and proposal.parent is not None,
        )
        self._budget.fruitless += 1
        try:
            digest = self._space.digest(proposal.sample)
            original = self._ledger.store.find_original(digest)
            if original is not None:
                return self._admit_duplicate(replace(trial, digest=digest, duplicate_of=original.id), original)
            measures = self._measure(proposal.sample)
            job = self._jobs.make(trial, self._budget.limits)
            entry = Entry(replace(trial, digest=digest, metrics=measures), job, measures=measures)
        except InvalidMutation as error:
            return self._end_unbuilt(trial, FailureKind.INVALID, error)
        except RetixError as error:
            self._budget.run += 1
            return self._end_unbuilt(trial, FailureKind.BUILD, error)
        self._budget.count_started()
        return self._take_up(entry)

    def _measure(self, sample: Sample) -> dict[str, float]:
        """What is known of a model without training it.

        Raises:
            EvaluationError: It cannot be measured.
        """
        found = {}
        for name in self._measured:
            try:
                found[name] = float(self._space.measure(sample, name))
            except Exception as error:  # a measure runs the user's model
                what = error.what if isinstance(error, RetixError) else f"{type(error).__name__}: {error}"
                raise EvaluationError(
                    f"{name!r} of the model cannot be measured: {what}",
                    why="an objective or a limit names it, so it is measured before the model is trained",
                    fix="see whether the model runs with the example inputs, or leave the objective out",
                ) from error
        return found

    def _take_up(self, entry: Entry) -> Trial:
        if entry.trial.inherit and self._roster.is_awaited(entry.trial.parent or 0):
            entry.trial = replace(entry.trial, waits_for=f"waits for the weights of trial {entry.trial.parent}")
        with self._ledger.round():
            self._roster.add(entry)
            self._ledger.record(entry.trial)
        return entry.trial

    def _admit_duplicate(self, trial: Trial, original: Trial) -> Trial:
        if self._roster.is_awaited(original.id):
            words = f"waits for the result of trial {original.id}"
            return self._take_up(Entry(replace(trial, inherit=False, waits_for=words)))
        with self._ledger.round():
            return self._outcomes.end_duplicate(replace(trial, inherit=False), original)

    def _end_unbuilt(self, trial: Trial, kind: FailureKind, error: RetixError) -> Trial:
        with self._ledger.round():
            return self._outcomes.end_unbuilt(trial, kind, error)

    def check(self, answers: dict[str, object]) -> Sample:
        """The whole sample that a user asks for by some of its answers.

        Raises:
            SpaceError: There is no such sample.
            ConfigError: It answers what no choice asks, or breaks a constraint.
        """
        sample = self._space.complete(answers)
        unknown = [label for label in answers if label not in sample]
        if unknown:
            raise ConfigError(
                f"the sample answers {', '.join(map(repr, unknown))}, which is not asked beside the other answers",
                fix=f"answer {', '.join(map(repr, sample))}",
            )
        if not self._space.permits(sample):
            raise ConfigError(f"the sample {sample} breaks a constraint of the space", fix="change an answer")
        return sample
