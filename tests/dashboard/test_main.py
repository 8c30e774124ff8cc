from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["absent", "--port", "1"], 1, "retix: there is no experiment in"), (["absent"], 2, "--port")],
)
def test_a_wrong_command_says_what_is_wrong(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    """Errors are a few lines on stderr, without a traceback."""
    command = [sys.executable, "-m", "retix.dashboard", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
