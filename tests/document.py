"""Documents whose code is run: a block ``python printed`` or ``text`` is what the block of Python before it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTED = ("python printed", "text")
_END = "=== the block ends ==="


def read_blocks(document: Path) -> list[tuple[str, str]]:
    """The blocks of a document: what stands behind the opening quotes, and the text."""
    return [(block[1], block[2]) for block in _BLOCK.finditer(document.read_text())]


def run_blocks(document: Path, folder: Path) -> list[str]:
    """What each block of Python prints, run one after the other as one script; paths of the script lose their folder.

    Raises:
        AssertionError: The script fails, or writes to stderr.
    """
    code = [text for kind, text in read_blocks(document) if kind == "python"]
    script = folder / "net.py"
    script.write_text("".join(f"{block}\nprint({_END!r})\n" for block in code))
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return [text.strip("\n") for text in run.stdout.replace(f"{folder}/", "").split(f"{_END}\n")[:-1]]


def pair(document: Path, printed: list[str]) -> list[tuple[str, str]]:
    """What the document says that a block prints, and what it printed."""
    pairs, index = [], -1
    for kind, text in read_blocks(document):
        index += kind == "python"
        if kind in _PRINTED:
            pairs.append((text.strip("\n"), printed[index]))
    return pairs


def refresh(document: Path, printed: list[str]) -> None:
    """Write what was printed into the document."""
    index = -1

    def write(block: re.Match[str]) -> str:
        nonlocal index
        index += block[1] == "python"
        return f"```{block[1]}\n{printed[index]}\n```" if block[1] in _PRINTED else block[0]

    document.write_text(_BLOCK.sub(write, document.read_text()))
