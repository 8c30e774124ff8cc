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
    """Importing the IR loads neither torch nor networkx nor numpy."""
    code = "import sys, retix.ir; sys.exit(bool({'torch', 'networkx', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
