"""The driver's side of the store: what happened, durable before anyone acts on it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retix.errors import StoreError
from retix.store.command import Command, CommandBox
from retix.store.database import JournalMode, claim_directory, explained, write_database
from retix.store.info import ExperimentState, OptimizeMode
from retix.store.layout import (
    DATABASE,
    experiment_directory,
    file_path,
    make_private_directory,
    trial_directory,
    write_atomically,
)
from retix.store.process import read_start_mark
from retix.store.records import Records
from retix.store.row import write_json, write_text
from retix.store.writer import choose_journal

_TAKE_UP = "UPDATE experiment SET state = :state, pid = :pid, pid_mark = :pid_mark, host = :host, ended = NULL"
_ANSWER = "INSERT INTO command (id, name, arguments, sent, answered, ok, text) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Store(Records):
    """Writes one experiment. Made by `create` and `open`; one driver at a time holds it.

    Every method returns only after its change is durable, except inside `batch`, which makes several changes durable
    together at its end. The methods may be called from several threads.
    """

    def __init__(self, directory: Path, journal: JournalMode | None = None) -> None:
        """Hold an experiment that exists; use `create` or `open` instead.

        Raises:
            StoreError: Another driver holds it, or it cannot be written.
        """
        super().__init__(directory, journal)
        self._box = CommandBox(directory)
        self._waiting: dict[str, Command] = {}
        try:
            with explained(directory):
                self._box.open()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls,
        root: str | Path,
        *,
        name: str,
        optimize_mode: OptimizeMode,
        config: Mapping[str, Any],
        versions: Mapping[str, str],
        journal: JournalMode | None = None,
    ) -> Store:
        """Create an experiment that is running, with this process as its driver.

        Args:
            root: The directory of experiments; created where it is missing.
            name: What the user calls the experiment; need not be unique.
            optimize_mode: Whether a higher or a lower default metric is better.
            config: Its settings as JSON values.
            versions: The versions of python, retix and torch, by name.
            journal: How commits are made safe; None decides by the file system.

        Raises:
            StoreError: The directory cannot be made, a setting is no JSON, or the mode is neither of the two.
        """
        if optimize_mode not in ("maximize", "minimize"):
            raise StoreError(f"{optimize_mode!r} is no optimize_mode", fix="use 'maximize' or 'minimize'")
        row = {
            "name": write_text(name),
            "optimize_mode": optimize_mode,
            "config": write_json(dict(config), "the config of the experiment"),
            "versions": write_json(dict(versions), "the versions of the experiment"),
            "created": time.time(),
            **_driver(),
        }
        with explained(Path(root)):
            directory = claim_directory(Path(root).expanduser().absolute())
        try:
            with explained(directory):
                write_database(directory, row, journal or choose_journal(directory))
            return cls(directory, journal)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    @classmethod
    def open(cls, root: str | Path, id: str, *, journal: JournalMode | None = None) -> Store:
        """Take up an experiment that has ended or whose driver is gone; it is running again afterwards.

        Tables of an older version are brought to this one. Commands that nobody answered are answered now: they were
        meant for the driver that is gone.

        Args:
            root: The directory of experiments.
            id: The experiment's id.
            journal: How commits are made safe; None decides by the file system.

        Raises:
            StoreError: There is no such experiment, or another driver holds it.
        """
        directory = experiment_directory(Path(root).expanduser().absolute(), id)
        if not (directory / DATABASE).is_file():
            raise StoreError(
                f"there is no experiment {id!r}", where=str(root), fix="`retix list` prints those there are"
            )
        store = cls(directory, journal)
        try:
            with store._change() as connection:
                connection.execute(_TAKE_UP, _driver())
                store._refuse_commands("the driver that it was meant for is gone")
        except BaseException:
            store.close()
            raise
        return store

    @property
    def id(self) -> str:
        """The experiment's id: the name of its directory."""
        return self.directory.name

    def update_config(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Replace some of the experiment's settings; what they were until now is kept.

        Args:
            changes: The new values by name, as JSON values.

        Returns:
            All of the settings.

        Raises:
            StoreError: A value has no JSON form.
        """
        with self._change() as connection:
            (before,) = connection.execute("SELECT config FROM experiment").fetchone()
            config: dict[str, Any] = {**json.loads(before), **changes}
            after = write_json(config, "the config of the experiment")
            if after != before:
                connection.execute("INSERT INTO past_config (until, config) VALUES (?, ?)", (time.time(), before))
                connection.execute("UPDATE experiment SET config = ?", (after,))
        return config

    def set_state(self, state: ExperimentState) -> None:
        """Record how far the experiment is; any state but running and paused ends it now.

        Raises:
            StoreError: The state is one that only readers find out.
        """
        state = ExperimentState(state)
        if not state.is_recorded:
            raise StoreError(f"the state {str(state)!r} is found out by readers and cannot be recorded")
        ended = None if state.is_active else time.time()
        with self._change() as connection:
            connection.execute("UPDATE experiment SET state = ?, ended = ?", (str(state), ended))

    def take_commands(self) -> list[Command]:
        """What users asked for since the last call, in the order of sending; each is to be answered.

        What makes no sense as a command is answered at once, with what is wrong with it.

        Raises:
            StoreError: The commands cannot be read, or an answer cannot be written.
        """
        with explained(self.directory):
            found = self._box.look()
        good = []
        for command, problem in found:
            self._waiting[command.id] = command
            if problem is None:
                good.append(command)
            else:
                self.answer_command(command.id, False, problem)
        return good

    def answer_command(self, id: str, ok: bool, text: str = "") -> None:
        """Record what became of a command; in a batch, its sender hears of it when the batch is durable.

        Args:
            id: The command's.
            ok: Whether it was carried out.
            text: What to tell its sender.

        Raises:
            StoreError: No such command was taken, or it was answered before.
        """
        with self._change() as connection:
            command = self._waiting.get(id)
            if command is None:
                raise StoreError(f"the command {id!r} waits for no answer", where=str(self.directory))
            arguments = write_json(dict(command.arguments), "the arguments of a command")
            row = (id, write_text(command.name), arguments, command.time, time.time(), int(ok), write_text(text))
            if connection.execute("SELECT 1 FROM command WHERE id = ?", (id,)).fetchone() is None:
                connection.execute(_ANSWER, row)
            self._once_durable(lambda: self._forget_command(id))

    def write_file(self, name: str, data: bytes) -> Path:
        """Replace a file of the experiment; a reader finds all of the old one or all of the new one.

        Args:
            name: A path relative to `directory`, with ``/`` between its parts; folders are created.
            data: What to write.

        Returns:
            The file's path.

        Raises:
            StoreError: The name leaves the directory or is the store's own, or the file cannot be written.
        """
        path = file_path(self.directory, name)
        with explained(path):
            make_private_directory(path.parent)
            write_atomically(path, data)
        return path

    def trial_directory(self, trial_id: int) -> Path:
        """The directory for a trial's files, created if it is missing.

        Raises:
            StoreError: ``trial_id`` is no id, or the directory cannot be made.
        """
        path = trial_directory(self.directory, trial_id)
        with explained(path):
            # Not durable: the database says what there is, and a resume makes the directory again.
            make_private_directory(path, durable=False)
        return path

    def _refuse_commands(self, why: str) -> None:
        """Answer all that wait, and remove what an earlier driver answered and could not remove."""
        while found := self._box.look():
            for command, problem in found:
                self._waiting[command.id] = command
                self.answer_command(command.id, False, problem or why)

    def _forget_command(self, id: str) -> None:
        self._waiting.pop(id, None)
        self._box.remove(id)


def _driver() -> dict[str, Any]:
    """The columns that say that this process runs the experiment."""
    pid = os.getpid()
    return {
        "state": str(ExperimentState.RUNNING),
        "pid": pid,
        "pid_mark": read_start_mark(pid) or "",
        "host": socket.gethostname(),
    }
