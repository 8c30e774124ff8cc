"""An experiment that ran before, to be gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retix.errors import ConfigError, StoreError
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.record.recording import PICKLE_FILE, SEARCH_FILE, VERSION
from retix.experiment.record.signature import find_difference, sign_space, sign_strategy
from retix.model_space import ModelSpace
from retix.recipe import loads
from retix.stopping import EarlyStopping, read_rule
from retix.store import ExperimentInfo, OptimizeMode, StoreReader, check_private, read_experiment
from retix.strategy import BaseStrategy, Strategy

# What the trials that ran hang on. Experiments of before there were objectives have none of these in their record.
_FIXED: dict[str, Any] = {"deterministic": False, "weights_url": None, "objectives": [], "limits": []}

# What the record of a config holds beside its settings.
_FOREIGN = ("strategy", "seed")


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is recorded of an experiment that ran before. Made by `find_earlier`.

    Attributes:
        reader: Its store.
        info: The experiment.
        document: What must be the same, and where its script stood.
    """

    reader: StoreReader
    info: ExperimentInfo
    document: Mapping[str, Any]

    @property
    def config(self) -> RetiariiExeConfig:
        """Its settings, as they were last.

        Raises:
            ConfigError: Its rule of early stopping cannot be made again from what was stored.
        """
        kept = {name: value for name, value in self.info.config.items() if name not in _FOREIGN}
        root = self.reader.directory.parent
        return RetiariiExeConfig(**{**kept, "experiment_working_directory": root, "early_stopping": self._load_rule()})

    def settle(self, config: RetiariiExeConfig) -> RetiariiExeConfig:
        """``config``, if the search can go on by it: budget, concurrency and limits may be others than they were.

        Raises:
            ConfigError: It contradicts what the trials that ran hang on.
        """
        then, now = self.info.config, config.to_json()
        for name, default in _FIXED.items():
            if then.get(name, default) != now[name]:
                raise self._refusal(f"{name} was {then.get(name, default)!r} and is {now[name]!r}")
        rules = [_name_rule(record.get("early_stopping")) for record in (then, now)]
        if rules[0] != rules[1]:
            raise self._refusal(
                f"early_stopping was {rules[0]} and is {rules[1]}",
                "trials were paused and ended by it; its arguments may be others, its kind may not",
            )
        if now["deterministic"] and then["trial_concurrency"] != now["trial_concurrency"]:
            was, now_is = then["trial_concurrency"], now["trial_concurrency"]
            raise self._refusal(
                f"trial_concurrency was {was} and is {now_is}, and the search is deterministic",
                "in a deterministic search, what is proposed depends on how many trials run at a time",
            )
        return config

    def check(self, space: ModelSpace, strategy: Strategy | BaseStrategy, mode: OptimizeMode) -> None:
        """Refuse to go on with something else than what was begun.

        Raises:
            ConfigError: Space, strategy or direction differ from what is recorded; the error names the difference.
        """
        difference = find_difference(self.document["space"], sign_space(space))
        if difference is not None:
            raise self._refusal(f"the space is another one: {difference}", "its trials belong to the space they ran in")
        then, now = self.document["strategy"], sign_strategy(strategy)
        difference = find_difference(then, now)
        if difference is not None:
            raise self._refusal(
                f"the strategy {then['class']} is another one: {difference}",
                "only with the same settings does it propose again what it has proposed",
            )
        if mode != self.info.optimize_mode:
            raise self._refusal(f"optimize_mode was {self.info.optimize_mode!r} and is {mode!r}")

    def load(self) -> tuple[ModelSpace, Strategy | BaseStrategy]:
        """The space, with its evaluator, and the strategy, as they were when the search began.

        They are read from a pickle, which is a program: only one that this user's own driver wrote, and nobody else can
        have changed since, is read. Says on stderr what is read.

        Raises:
            StoreError: The file is missing, damaged, or not this user's alone.
            ConfigError: The search could not be pickled when it began, or its modules cannot be imported here.
        """
        path = self.reader.file(PICKLE_FILE)
        if self.document["problem"] is not None:
            raise self._unreadable(f"it could not be written down when it began: {self.document['problem']}")
        # The document names folders in which modules are looked for.
        for file in (path, self.reader.file(SEARCH_FILE)):
            check_private(file)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.document["pickle"]:
            raise StoreError(
                f"{PICKLE_FILE} of the experiment {self.info.id!r} is not what was written",
                where=str(path),
                why="it is damaged, or was changed since",
                fix="go on from the script: exp.run(config, resume=ID)",
            )
        python = self.info.versions.get("python", "?")
        print(f"retix: reading {path}, which this user wrote with Python {python}", file=sys.stderr)
        self._extend_path()
        try:
            found = loads(data)
        except Exception as error:
            raise self._unreadable(f"{type(error).__name__}: {error}") from error
        return found["space"], found["strategy"]

    def _load_rule(self) -> EarlyStopping | None:
        """The rule of early stopping; one of the user's own is imported, as whoever wrote the record says."""
        recorded = self.info.config.get("early_stopping")
        if recorded is None:
            return None
        check_private(self.reader.file(SEARCH_FILE))
        self._extend_path()
        try:
            return read_rule(recorded)
        except ConfigError as error:
            raise self._unreadable(recorded.get("problem") or error.what) from error

    def _extend_path(self) -> None:
        """Let modules be found where the script found them, behind those that are found already."""
        known = {os.path.abspath(entry) for entry in sys.path}
        sys.path += [p for p in self.document["python_path"] if p not in known and os.path.exists(p)]

    def _unreadable(self, what: str) -> ConfigError:
        return ConfigError(
            f"the search {self.info.id!r} cannot be made again from what was stored: {what}",
            why=f"what it consists of has to be pickled, and its modules to be found; retix {self.info.versions}",
            fix=f"go on from the script that began it: exp.run(config, resume={self.info.id!r})",
        )

    def _refusal(self, what: str, why: str | None = None) -> ConfigError:
        return ConfigError(
            f"the experiment {self.info.id!r} cannot go on: {what}",
            why=why or "the trials that have ended hang on it",
            fix="let it be as it was, or begin a new experiment",
        )

    @property
    def working_directory(self) -> Path:
        """Where the script stood that began the search."""
        return Path(self.document["working_directory"])


def _name_rule(recorded: Mapping[str, Any] | None) -> str | None:
    """The class of a rule, without its module: that of a script's own is another one where it is imported."""
    return None if recorded is None else str(recorded["rule"]).rpartition(".")[-1]


def find_earlier(root: str | Path, id: str) -> Earlier:
    """What is recorded of an experiment.

    Args:
        root: The directory of experiments.
        id: The experiment's id.

    Raises:
        StoreError: There is none, or it cannot be read.
        ConfigError: It was recorded by a version of retix that could not resume.
    """
    reader = read_experiment(Path(root).expanduser(), id)
    path = reader.file(SEARCH_FILE)
    check_private(reader.directory)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"the experiment {id!r} cannot go on",
            where=str(path),
            why="it ended before it had begun, or an earlier version of retix ran it",
            fix="begin a new experiment",
        ) from error
    except ValueError as error:
        raise StoreError(f"what is recorded of the experiment {id!r} is damaged", where=str(path)) from error
    if document.get("version") != VERSION:
        raise ConfigError(
            f"the experiment {id!r} was recorded by another version of retix",
            where=str(path),
            fix="upgrade retix: pip install --upgrade retix",
        )
    return Earlier(reader, reader.info(), document)


def change_config(config: RetiariiExeConfig, changes: Mapping[str, Any]) -> RetiariiExeConfig:
    """A copy of ``config`` with some settings changed.

    Raises:
        ConfigError: A setting does not exist, or a value makes no sense.
    """
    changed = config.model_copy(deep=True)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def read_python_path(reader: StoreReader) -> list[str]:
    """Where modules of the user's were found when the search began; empty if that is not recorded."""
    try:
        path: list[str] = json.loads(reader.file(SEARCH_FILE).read_text(encoding="utf-8"))["python_path"]
    except (OSError, ValueError, KeyError):
        return []
    return path
