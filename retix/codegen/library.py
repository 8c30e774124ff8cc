"""What models that were written before have in common with those to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from retix.codegen.body import Body
from retix.codegen.expression import Expression
from retix.codegen.imports import Imports, find_qualifiers
from retix.codegen.member import MemberNames
from retix.codegen.outline import Key
from retix.codegen.parameter import Hole
from retix.ir import Member, Module

Asked: TypeAlias = tuple[tuple[str, str], ...]
"""What `Imports.name` was asked, with the answers."""

USUAL = frozenset({"self", "torch", "nn", "F", "math"})
"""The names that no variable of ``forward`` has."""

_MOST_GRAPHS = 4096
_MOST_CALLS = 4096


class OutdatedError(Exception):
    """What was written before does not fit this model; it has to be written without."""


@dataclass(slots=True)
class Written:
    """A graph that was rewritten.

    Attributes:
        names: How its members are reached.
        kept: Its members, without those that it does without since it was rewritten; None for all.
        chain: See `retix.codegen.outline.read_chain`.
        texts: Its ``forward``, by the imported names that a variable of it might have had otherwise.
    """

    names: MemberNames
    kept: frozenset[str] | None
    chain: list[str] | None
    texts: dict[frozenset[str], Text] = field(default_factory=dict)

    def members(self, members: Mapping[str, Member]) -> Mapping[str, Member]:
        """Those of ``members`` that were kept."""
        if self.kept is None:
            return members
        return {name: member for name, member in members.items() if name in self.kept}


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a ``forward``.

    Attributes:
        body: Its lines.
        asked: The imports that it needs.
        qualifiers: The names that stand before a dot in it.
    """

    body: Body
    asked: Asked
    qualifiers: frozenset[str]

    @classmethod
    def of(cls, body: Body, asked: Iterable[tuple[str, str]]) -> Text:
        """The text that was just written."""
        return cls(body, tuple(dict.fromkeys(asked)), find_qualifiers("\n".join(body.lines)))

    def take(self, imports: Imports) -> Body:
        """Its lines, in another module.

        Raises:
            OutdatedError: Something is known under another name there.
        """
        if not imports.repeat(self.asked):
            raise OutdatedError
        imports.note_names(self.qualifiers)
        return self.body


@dataclass(frozen=True, slots=True)
class MadeCall:
    """The call that makes a leaf, with holes."""

    module: Module
    expression: Expression
    holes: tuple[Hole, ...]
    asked: Asked


class Library:
    """Graphs and calls that were written, to be taken again where they come again.

    Models of one space share most of their graphs, and graphs of one form differ in the numbers of their members alone.
    """

    def __init__(self) -> None:
        self._graphs: dict[tuple[Key, Key], Written] = {}
        self._calls: dict[int, MadeCall] = {}  # by identity: each holds its module, so that no other has that
        self._equal_calls: dict[tuple[str, str, str], MadeCall] = {}

    def find(self, likeness: Key, source: Key) -> Written | None:
        """A graph of this form."""
        return self._graphs.get((likeness, source))

    def keep(self, likeness: Key, source: Key, written: Written) -> None:
        """Keep a graph."""
        if len(self._graphs) >= _MOST_GRAPHS:
            self._graphs.clear()
        self._graphs[likeness, source] = written

    def find_call(self, module: Module, imports: Imports) -> MadeCall | None:
        """The call that makes an equal object, if it would be written the same way again."""
        known = self._calls.get(id(module))
        if known is None or known.module is not module:
            known = self._equal_calls.get(_describe(module))
            if known is None:
                return None
            self._note(MadeCall(module, known.expression, known.holes, known.asked))
        return known if imports.repeat(known.asked) else None

    def keep_call(self, module: Module, expression: Expression, holes: Collection[Hole], asked: Asked) -> None:
        """Keep a call."""
        made = MadeCall(module, expression, tuple(holes), asked)
        if len(self._equal_calls) >= _MOST_CALLS:
            self._equal_calls.clear()
        self._equal_calls[_describe(module)] = made
        self._note(made)

    def _note(self, made: MadeCall) -> None:
        if len(self._calls) >= _MOST_CALLS:
            self._calls.clear()
        self._calls[id(made.module)] = made


def _describe(module: Module) -> tuple[str, str, str]:
    return module.type, repr(module.args), repr(module.kwargs)
