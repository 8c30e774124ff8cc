from __future__ import annotations

from pathlib import Path

import pytest

from retix.cli.lookup import find_experiment
from retix.errors import StoreError


def test_an_id_and_its_beginning_find_the_experiment(root: Path, id: str) -> None:
    """Both lead to the same directory."""
    assert find_experiment(root, id).directory == find_experiment(root, id[:3]).directory == root / id


def test_without_experiments_the_root_is_in_doubt(root: Path) -> None:
    """Where there are none at all, the advice is to look elsewhere."""
    with pytest.raises(StoreError, match="--dir"):
        find_experiment(root, "absent")
