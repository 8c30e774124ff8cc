"""What the parameters of a forward are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def positional_names(function: Callable[..., Any]) -> list[str]:
    """The parameters that a positional argument may stand for, in order; none if there is no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
