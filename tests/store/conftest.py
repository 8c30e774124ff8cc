"""Experiments for the tests of everything that reads or writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retix.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An experiment that this process drives."""
    with Store.create(tmp_path, name="digits", optimize_mode="maximize", config={}, versions={}) as store:
        yield store
