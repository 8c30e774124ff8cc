"""Why a host was lost, in a line."""

from __future__ import annotations

import re

_NOISE = re.compile(
    r"^(The actor died unexpectedly before finishing this task\.?|(class_name|actor_id|namespace|pid|ip|name|repr):.*)$"
)
_LENGTH = 300


def summarize_loss(error: Exception) -> str:
    """What ``error`` says, in a line: Ray's errors are long, and name what means nothing to a user."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return _shorten(f"{type(cause).__name__}: {cause}".splitlines()[0])
    lines = [line.strip() for line in str(error).splitlines()]
    if getattr(error, "actor_init_failed", False):
        return _shorten(next((line for line in reversed(lines) if line), "it cannot be made"))
    return _shorten(" ".join(line for line in lines if line and not _NOISE.match(line))) or type(error).__name__


def can_be_replaced(error: Exception) -> bool:
    """Whether another host may come up where this one did not: its node went, rather than that it cannot be made."""
    return not getattr(error, "actor_init_failed", False) and type(error).__name__ != "RuntimeEnvSetupError"


def _shorten(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"
