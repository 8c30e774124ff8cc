"""The README: what it shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_example_runs(tmp_path: Path) -> None:
    """The first example runs as it stands, without a main guard, and ends by printing a model like the one shown."""
    script = tmp_path / "example.py"
    script.write_text(BLOCKS[0])
    environment = {**os.environ, "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    printed = run.stdout[run.stdout.index("import torch.nn.functional as F") :].strip().splitlines()
    shown = BLOCKS[1].strip().splitlines()
    assert len(printed) == len(shown)
    assert [line for line in shown if "self.conv = " not in line and "Linear(" not in line] == [
        line for line in printed if "self.conv = " not in line and "Linear(" not in line
    ]
    assert list((tmp_path / "retix-experiments").iterdir()), "the experiment is where the README says"
    assert run.stderr == ""


def test_commands_exist() -> None:
    """The two commands of the README are targets of the Makefile."""
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
