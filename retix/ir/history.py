"""Where a model comes from: its front end, users' classes as text, and what mutators chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Capture:
    """How the base model was captured.

    Attributes:
        frontend: ``trace``, ``script`` or ``fx``.
        reason: Why by that one.
    """

    frontend: str
    reason: str

    def __str__(self) -> str:
        return f"captured by {self.frontend}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ClassSource:
    """A user's class that cannot be imported, as text.

    Attributes:
        name: The name of what ``code`` defines.
        code: The definition, without retix's decorators.
        imports: Import statements that it needs.
        needs: Keys of `Model.sources` that have to be defined before it.
    """

    name: str
    code: str
    imports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mutation:
    """What one mutator chose on the way to a model.

    Attributes:
        mutator: Its label, or the name of its class.
        choices: Label and answer of each choice, in order.
    """

    mutator: str
    choices: tuple[tuple[str, Any], ...]
