"""Writes what happens in a search: trials, their runs and reports, and the steps of the strategy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retix.errors import StoreError
from retix.store.database import explained
from retix.store.journal import STEP_KINDS, StepKind
from retix.store.row import (
    TRIAL_COLUMNS,
    Row,
    trial_from_row,
    trial_to_row,
    write_failure,
    write_json,
    write_metrics,
    write_text,
)
from retix.store.writer import Writer
from retix.trial import Failure, Trial, TrialState, Verdict

_COLUMNS = ", ".join(TRIAL_COLUMNS)
_PLACES = ", ".join("?" * len(TRIAL_COLUMNS))
_ADD_TRIAL = f"INSERT INTO trial ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (id) DO NOTHING"
_CHANGES = ", ".join(f"{name} = ?" for name in TRIAL_COLUMNS[2:])
_UPDATE_TRIAL = f"UPDATE trial SET {_CHANGES} WHERE id = ? AND sample = ? AND state IN ('waiting', 'running')"
_REOPEN_TRIAL = f"UPDATE trial SET {_CHANGES} WHERE id = ?"

FIND_ORIGINAL = f"""
    SELECT {_COLUMNS} FROM trial INDEXED BY trial_by_digest
    WHERE digest = ? AND digest IS NOT NULL AND duplicate_of IS NULL ORDER BY id LIMIT 1
"""
"""The query of `Records.find_original`; its condition is that of the index ``trial_by_digest``."""

_END_ATTEMPT = """
    UPDATE attempt SET ended = ?, outcome = ?, failure_kind = ?, stopped = ?, verdict = ? WHERE trial = ? AND number = ?
"""


class Records(Writer):
    """The part of a `Store` that writes records of trials and steps."""

    def add_trial(self, trial: Trial) -> None:
        """Record a new trial.

        Raises:
            StoreError: Its id is taken.
        """
        row = trial_to_row(trial, self._optimize_mode)
        with self._change() as connection:
            if connection.execute(_ADD_TRIAL, row).rowcount == 0:
                raise StoreError(
                    f"trial {trial.id} is recorded already",
                    where=str(self.directory),
                    fix="give each new trial the next id, and use update_trial for a trial that changed",
                )

    def update_trial(self, trial: Trial) -> None:
        """Record what became of a trial; one that is not recorded yet is added.

        Writing a final trial again as it stands changes nothing and is allowed.

        Raises:
            StoreError: The recorded trial is final and differs, or has another sample.
        """
        row = trial_to_row(trial, self._optimize_mode)
        with self._change() as connection:
            if connection.execute(_UPDATE_TRIAL, (*row[2:], row[0], row[1])).rowcount:
                return
            recorded = self._find(connection, trial.id)
            if recorded is None:
                connection.execute(_ADD_TRIAL, row)
            elif recorded != row:
                raise _refusal(trial_from_row(recorded), trial, self.directory)

    def reopen_trial(self, trial: Trial) -> None:
        """Let a trial that was stopped wait again: the one way out of a final state, for a search that goes on.

        Args:
            trial: The trial as it is to be recorded, with nothing of the end that it had.

        Raises:
            StoreError: It is not recorded as stopped, has another sample, or is to become anything but waiting.
        """
        row = trial_to_row(trial, self._optimize_mode)
        with self._change() as connection:
            recorded = self._find(connection, trial.id)
            was = TrialState.WAITING if recorded is None else TrialState(recorded[2])
            if was is not TrialState.STOPPED or trial.state is not TrialState.WAITING:
                raise StoreError(
                    f"trial {trial.id} cannot be opened again",
                    where=str(self.directory),
                    why="only a trial that is recorded as stopped can be, and it then waits",
                )
            if recorded is not None and recorded[1] != row[1]:
                raise _refusal(trial_from_row(recorded), trial, self.directory)
            connection.execute(_REOPEN_TRIAL, (*row[2:], row[0]))

    def trial(self, id: int) -> Trial:
        """A trial as it is recorded; unlike a reader this also sees what the open batch has written.

        Raises:
            StoreError: There is no such trial.
        """
        with self._mutex, explained(self.directory):
            row = self._find(self._connection, id)
        if row is None:
            raise StoreError(f"the experiment {self.directory.name!r} has no trial {id}", where=str(self.directory))
        return trial_from_row(row)

    def find_original(self, digest: str) -> Trial | None:
        """The first trial that makes a network, duplicates left out; None where none does.

        Args:
            digest: The network's.
        """
        with self._mutex, explained(self.directory):
            row = self._connection.execute(FIND_ORIGINAL, (digest,)).fetchone()
        return None if row is None else trial_from_row(row)

    def add_report(self, trial_id: int, step: int, metrics: Mapping[str, float], time: float) -> None:
        """Record an intermediate result.

        Args:
            trial_id: The trial that reported it.
            step: Counts from 0; a trial that is run again reports its steps again, and all of them are kept.
            metrics: The values by name; NaN and infinities are kept.
            time: When it was reported, in seconds since the epoch.

        Raises:
            StoreError: There is no such trial.
        """
        with self._change() as connection:
            self._check_trial(connection, trial_id, "reported")
            row = (trial_id, step, write_metrics(metrics), time)
            connection.execute("INSERT INTO report (trial, step, metrics, time) VALUES (?, ?, ?, ?)", row)

    def begin_attempt(self, trial_id: int, number: int, worker: str, time: float) -> None:
        """Record that a trial was given to a worker.

        Args:
            trial_id: The trial.
            number: Counts its runs from 1.
            worker: Who runs it.
            time: When it began, in seconds since the epoch.

        Raises:
            StoreError: There is no such trial, or this run of it is recorded already.
        """
        with self._change() as connection:
            self._check_trial(connection, trial_id, "began")
            if self._attempt_end(connection, trial_id, number) is not None:
                raise StoreError(
                    f"run {number} of trial {trial_id} is recorded already",
                    where=str(self.directory),
                    fix="give each run the next number",
                )
            row = (trial_id, number, write_text(worker), time)
            connection.execute("INSERT INTO attempt (trial, number, worker, started) VALUES (?, ?, ?, ?)", row)

    def end_attempt(
        self,
        trial_id: int,
        number: int,
        time: float,
        failure: Failure | None = None,
        *,
        stopped: bool = False,
        verdict: Verdict | None = None,
    ) -> None:
        """Record how a run of a trial ended, whether the trial is run again or not.

        Args:
            trial_id: The trial.
            number: Counts its runs from 1.
            time: When it ended, in seconds since the epoch.
            failure: How it failed; None for a result, and for a run that was stopped.
            stopped: Whether it was stopped: by the user, or with the search.
            verdict: How early stopping ended it; None unless it did.

        Raises:
            StoreError: This run is not recorded, or has ended already.
        """
        with self._change() as connection:
            ended = self._attempt_end(connection, trial_id, number)
            if ended is None or ended[0] is not None:
                raise StoreError(
                    f"run {number} of trial {trial_id} "
                    + ("was never begun" if ended is None else "has ended already"),
                    where=str(self.directory),
                    fix="begin_attempt comes first, and end_attempt once after it",
                )
            kind = None if failure is None else str(failure.kind)
            row = (time, write_failure(failure), kind, stopped, verdict and str(verdict), trial_id, number)
            connection.execute(_END_ATTEMPT, row)

    def add_step(self, kind: StepKind, trial: int | None = None, data: Any = None) -> int:
        """Record what the strategy was asked or told; the steps in their order make it propose the same again.

        Args:
            kind: What happened.
            trial: The trial it was about; None for a strategy that had nothing to propose.
            data: What belongs to it, as JSON values.

        Returns:
            The step's number.

        Raises:
            StoreError: There is no such kind, or the data has no JSON form.
        """
        if kind not in STEP_KINDS:
            raise StoreError(f"{kind!r} is no step of a search", fix=f"use one of {', '.join(STEP_KINDS)}")
        text = None if data is None else write_json(data, "a step")
        with self._change() as connection:
            row = (kind, trial, text, time.time())
            done = connection.execute("INSERT INTO step (kind, trial, data, time) VALUES (?, ?, ?, ?)", row)
            return int(done.lastrowid or 0)

    def _check_trial(self, connection: sqlite3.Connection, trial_id: int, did: str) -> None:
        if connection.execute("SELECT 1 FROM trial WHERE id = ?", (trial_id,)).fetchone() is None:
            raise StoreError(
                f"trial {trial_id} {did}, but is not recorded", where=str(self.directory), fix="add_trial comes first"
            )

    @staticmethod
    def _attempt_end(connection: sqlite3.Connection, trial_id: int, number: int) -> tuple[float | None] | None:
        query = "SELECT ended FROM attempt WHERE trial = ? AND number = ?"
        row: tuple[float | None] | None = connection.execute(query, (trial_id, number)).fetchone()
        return row

    @staticmethod
    def _find(connection: sqlite3.Connection, trial_id: int) -> Row | None:
        found = connection.execute(f"SELECT {_COLUMNS} FROM trial WHERE id = ?", (trial_id,))
        row: Row | None = found.fetchone()
        return row


def _refusal(old: Trial, new: Trial, directory: Path) -> StoreError:
    if old.sample != new.sample:
        return StoreError(
            f"trial {new.id} is recorded with another sample",
            where=str(directory),
            fix="give each new trial the next id",
        )
    return StoreError(
        f"trial {new.id} is recorded as {old.state} and cannot become {new.state}",
        where=str(directory),
        why="a final result never changes: nothing already recorded is ever lost",
        fix="propose the sample again, as a new trial",
    )
