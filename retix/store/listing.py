"""The experiments under one root."""

from __future__ import annotations

from pathlib import Path

from retix.errors import StoreError
from retix.store.info import ExperimentInfo, ExperimentState
from retix.store.layout import DATABASE, experiment_directory, is_plain_name
from retix.store.reader import StoreReader


def read_experiment(root: str | Path, id: str) -> StoreReader:
    """A reader for one experiment.

    Args:
        root: The directory of experiments.
        id: The experiment's id.

    Raises:
        StoreError: There is no such experiment.
    """
    reader = StoreReader(experiment_directory(Path(root), id))
    if not (reader.directory / DATABASE).is_file():
        raise StoreError(f"there is no experiment {id!r}", where=str(root), fix="`retix list` prints those there are")
    return reader


def list_ids(root: str | Path) -> list[str]:
    """The ids of the experiments under ``root`` in alphabetical order; nothing is opened.

    Raises:
        StoreError: ``root`` exists and cannot be listed.
    """
    try:
        names = [path.name for path in Path(root).expanduser().iterdir() if (path / DATABASE).is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"the experiments cannot be listed: {error}", where=str(root)) from error
    return sorted(name for name in names if is_plain_name(name))


def list_experiments(root: str | Path) -> list[ExperimentInfo]:
    """The experiments under ``root``, the newest first.

    What is no experiment is left out. An experiment that cannot be read is in the list, with the state *unreadable* and
    the reason as its ``problem``.

    Raises:
        StoreError: ``root`` exists and cannot be listed.
    """
    found = [_read_info(Path(root).expanduser() / id) for id in list_ids(root)]
    return sorted(found, key=lambda info: (-info.created, info.id))


def _read_info(directory: Path) -> ExperimentInfo:
    try:
        return StoreReader(directory).info()
    except StoreError as error:
        state = ExperimentState.UNREADABLE
        return ExperimentInfo(directory.name, "", state, _changed(directory), problem=error.what)


def _changed(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:
        return 0.0
