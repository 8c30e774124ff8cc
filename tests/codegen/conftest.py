"""The flag that refreshes golden files."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--golden``."""
    parser.addoption("--golden", action="store_true", help="write the golden files anew instead of comparing")
