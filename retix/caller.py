"""The line of the user's code that is running: errors name it, and choices remember where they were made."""

from __future__ import annotations

import sys
import types
from pathlib import Path

_OWN = f"{Path(__file__).parent}/"


def find_caller(depth: int = 1) -> str | None:
    """``file:line`` of the innermost frame outside retix, torch and Python's own machinery, or None.

    Args:
        depth: How many frames to leave out at once, besides this one.
    """
    torch = sys.modules.get("torch")
    libraries = (_OWN, "<frozen", *(f"{folder}/" for folder in getattr(torch, "__path__", ())))
    frame: types.FrameType | None = sys._getframe(depth)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(libraries):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return None
