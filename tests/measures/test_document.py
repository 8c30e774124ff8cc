"""The page on measures."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path

from tests.document import ROOT, pair, read_blocks

DOCUMENT = ROOT / "docs" / "measures.md"
_END = "=== the block ends ==="


def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    """Every block of the page runs, and prints what stands below it."""
    script = tmp_path / "measures_page.py"
    blocks = [text for kind, text in read_blocks(DOCUMENT) if kind == "python"]
    script.write_text("".join(f"{block}\nprint({_END!r})\n" for block in blocks))
    spec = importlib.util.spec_from_file_location("measures_page", script)
    assert spec is not None
    assert spec.loader is not None
    with contextlib.redirect_stdout(io.StringIO()) as out:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    pairs = pair(DOCUMENT, [text.strip("\n") for text in out.getvalue().split(f"{_END}\n")[:-1]])
    assert pairs
    for said, printed in pairs:
        assert printed == said
