"""Lines of source while they are being written."""

from __future__ import annotations

from dataclasses import dataclass, field

from retix.codegen.layout import break_statement


@dataclass(slots=True)
class Body:
    """Lines of source, each with the user's line it stands for.

    Attributes:
        lines: The lines, indented.
        places: For each of them, ``file:line`` or None.
    """

    lines: list[str] = field(default_factory=list)
    places: list[str | None] = field(default_factory=list)

    def add(self, statement: str, depth: int, place: str | None = None) -> None:
        """Append a statement, broken into lines."""
        broken = break_statement(statement, depth)
        self.lines += broken
        self.places += [place] * len(broken)

    def extend(self, other: Body) -> None:
        """Append the lines of another body."""
        self.lines += other.lines
        self.places += other.places
