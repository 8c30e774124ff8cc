"""Experiments for the tests of everything that reads or writes them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retix.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An experiment that this process drives."""
    with create(tmp_path, name="digits") as store:
        yield store


def create(root: Path, **arguments: Any) -> Store:
    """A new experiment."""
    return Store.create(root, **{"name": "", "optimize_mode": "maximize", "config": {}, "versions": {}, **arguments})


def run_driver_that_dies(root: Path) -> str:
    """Run a driver that records one trial and is killed at once; return the experiment's id."""
    code = """
import os, signal, sys
from retix.space import Sample
from retix.store import Store
from retix.trial import Trial
store = Store.create(sys.argv[1], name="dead", optimize_mode="maximize", config={}, versions={})
store.add_trial(Trial(1, Sample({"conv": "0"})))
print(store.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    return done.stdout.strip()
