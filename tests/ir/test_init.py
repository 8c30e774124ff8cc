"""The door of the package."""

from __future__ import annotations

import subprocess
import sys

import retix.ir


def test_door_offers_what_it_lists() -> None:
    """Every listed name is there, in order."""
    assert all(hasattr(retix.ir, name) for name in retix.ir.__all__)
    assert retix.ir.__all__ == sorted(retix.ir.__all__)


def test_import_is_light() -> None:
    """Importing the IR loads nothing but the standard library: neither torch nor networkx nor numpy."""
    code = "import sys; before = set(sys.modules); import retix.ir; print(*(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "retix.ir.graph" in found
    assert {name.partition(".")[0] for name in found} - {"retix"} <= sys.stdlib_module_names
