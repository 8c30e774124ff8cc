"""Generated source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A model as a Python module.

    Attributes:
        text: The module's source; it imports torch and the user's own modules, never retix.
        entry: The name of the model's class in it, built without arguments.
        state_names: For each parameter and buffer of the generated model, its name in the base model; those that a
            mutator added are not in it.
        lines: For lines of ``text`` (counted from 1), the user's line they stand for, as ``file:line``.
    """

    text: str
    entry: str
    state_names: Mapping[str, str]
    lines: Mapping[int, str]
