"""What workers are given."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from retix.experiment.search.judge import Judge
from retix.experiment.search.limits import Limits
from retix.experiment.search.seeding import seed_of_trial
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.model_space import ModelSpace
from retix.space import Sample
from retix.store import Store
from retix.trial import Inheritance, Job, Trial


class JobMaker:
    """Makes the jobs of trials.

    Args:
        space: Writes the source of a sample.
        evaluator: Gives the serialised evaluator of a sample.
        store: Has the trials' directories.
        weights: Says where weights go.
        judge: Says whether trials ask how to go on, and where they keep their state when they are paused.
        seed: The strategy's; each trial has one of its own that follows from it.
    """

    def __init__(
        self,
        space: ModelSpace,
        evaluator: Callable[[Sample], bytes],
        store: Store,
        weights: WeightKeeper,
        judge: Judge,
        seed: Callable[[], int],
    ) -> None:
        self._space = space
        self._evaluator = evaluator
        self._store = store
        self._weights = weights
        self._judge = judge
        self._seed = seed

    def make(self, trial: Trial, limits: Limits) -> Job:
        """The job of a trial; nothing is written yet.

        Raises:
            RetixError: The sample cannot be made into a model, or its evaluator cannot be sent.
        """
        source = self._space.source(trial.sample)
        return Job(
            trial.id,
            source.text,
            source.entry,
            self._evaluator(trial.sample),
            self._store.directory / "trials" / str(trial.id),
            time_limit=limits.trial_duration,
            memory_limit=limits.trial_memory,
            log_limit=limits.trial_log,
            weights=self._weights.target(trial.id),
            seed=seed_of_trial(self._seed(), trial.id),
            asks=self._judge.asks,
            checkpoint=self._judge.checkpoint(trial.id),
            first_step=trial.steps,
        )

    def equip(self, job: Job, inheritance: Inheritance | None) -> Job:
        """The job with its directory made, what its source reads in it, and what it takes over from its parent.

        Raises:
            StoreError: The directory cannot be made.
        """
        directory = self._store.trial_directory(job.trial)
        for name, data in self._space.files.items():
            self._provide(directory / name, data)
        return replace(job, directory=directory, inheritance=inheritance)

    def _provide(self, path: Path, data: bytes) -> None:
        """One copy of a file on the disk for all trials."""
        kept = self._store.directory / path.name
        if not kept.exists():
            self._store.write_file(path.name, data)
        if path.exists():
            return  # an earlier attempt has it
        try:
            os.link(kept, path)
        except OSError:  # a file system without links
            shutil.copyfile(kept, path)
