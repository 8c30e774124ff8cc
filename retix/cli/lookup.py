"""Which experiment a user means."""

from __future__ import annotations

from pathlib import Path

from retix.errors import StoreError
from retix.store import StoreReader, list_ids, read_experiment

_FEW = 10


def find_experiment(root: Path, id: str) -> StoreReader:
    """The experiment of an id, or of the only id that begins so.

    Args:
        root: The directory of experiments.
        id: An id or its beginning.

    Raises:
        StoreError: There is none, or several ids begin so.
    """
    ids = list_ids(root)
    matches = [id] if id in ids else [known for known in ids if id and known.startswith(id)]
    if len(matches) == 1:
        return read_experiment(root, matches[0])
    if matches:
        raise StoreError(
            f"the id {id!r} is short for several experiments in {root}", fix=f"use one of {_join(matches)}"
        )
    fix = f"use one of {_join(ids)}" if ids else "name the directory of your experiments with --dir"
    raise StoreError(f"there is no experiment {id!r} in {root}", fix=fix)


def _join(ids: list[str]) -> str:
    return ", ".join(ids) if len(ids) <= _FEW else f"the {len(ids)} that `retix list` prints"
