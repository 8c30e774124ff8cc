"""Scripts in the styles of NNI's versions run as they were written, after the imports were renamed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"


def run_script(name: str, directory: Path) -> str:
    """Run a script from an empty directory, with a home of its own; returns what it prints."""
    environment = {**os.environ, "HOME": str(directory), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / name)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("v2_1.py", ["best: import torch", "nn.Conv2d(8, 8", "class Net(nn.Module)"]),
        ("v2_3.py", ["trials: 2", "best: {"]),
        ("v2_6.py", ["trials: 3", "metrics: [(True, 1)]"]),
        ("v2_10.py", ["best: {", "blocks: True True"]),
    ],
)
def test_a_script(name: str, wanted: list[str], tmp_path: Path) -> None:
    """It ends well, and prints what it found."""
    printed = run_script(name, tmp_path)
    for text in wanted:
        assert text in printed


def test_scripts_stay_short() -> None:
    """They are scripts as people post them."""
    assert all(len(path.read_text().splitlines()) <= 80 for path in SCRIPTS.glob("*.py"))
