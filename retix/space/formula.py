"""When a decision is alive, in a form that people read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from retix.space.decision import Choice
from retix.space.expression import Expression
from retix.space.propositions import Network, Proposition, Test
from retix.space.wording import describe

_MOST_ATOMS = 12
"""How many atoms a formula is written out with; of longer ones the labels are named."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A decision is answered in one of these ways."""

    label: str
    answers: tuple[Choice, ...]

    def __str__(self) -> str:
        if len(self.answers) == 1:
            return f"{self.label} = {self.answers[0]!r}"
        return f"{self.label} in ({', '.join(map(repr, self.answers))})"


@dataclass(frozen=True, slots=True)
class Includes:
    """One of these candidates, by their positions, is among those chosen."""

    label: str
    indices: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.label} includes {' or '.join(map(str, self.indices))}"


@dataclass(frozen=True, slots=True)
class Holds:
    """An expression holds, or does not."""

    expression: Expression = field(compare=False)
    expected: bool = True
    text: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", describe(self.expression))

    def __str__(self) -> str:
        return self.text if self.expected else f"not ({self.text})"


@dataclass(frozen=True, slots=True)
class _Joined:
    """Formulas put together."""

    parts: tuple[Formula, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((type(self), self.parts)))

    def __hash__(self) -> int:
        return self._hash  # parts may be shared by many, so that it would take long to walk them each time

    def __str__(self) -> str:
        if _count_atoms(self) > _MOST_ATOMS:
            return f"depends on {', '.join(find_labels(self))}"
        return self._write()

    def _write(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)  # compared and hashed as `_Joined` does
class AllOf(_Joined):
    """Every part is true; without parts it always is."""

    def _write(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts) or "always"


@dataclass(frozen=True, slots=True, eq=False)  # compared and hashed as `_Joined` does
class AnyOf(_Joined):
    """Some part is true; without parts none ever is."""

    def _write(self) -> str:
        return " or ".join(map(str, self.parts)) or "never"


Formula: TypeAlias = Answered | Includes | Holds | AllOf | AnyOf
"""A monotone formula over answers; parts that occur several times are the same objects."""

ALWAYS = AllOf()
NEVER = AnyOf()


def find_labels(formula: Formula | _Joined) -> list[str]:
    """The decisions that a formula speaks of, in order."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    stack: list[Formula | _Joined] = [formula]
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, _Joined):
            stack += reversed(part.parts)
        elif isinstance(part, Holds):
            found.update(dict.fromkeys(decision.label for decision in part.expression.decisions()))
        else:
            found[part.label] = None
    return list(found)


def _count_atoms(formula: Formula | _Joined) -> int:
    """How many atoms the text of a formula would have, as far as it matters."""
    if isinstance(formula, Holds):
        return sum(1 for _ in formula.expression.decisions())
    if not isinstance(formula, _Joined):
        return 1
    count = 0
    for part in formula.parts:
        count += _count_atoms(part)
        if count > _MOST_ATOMS:
            break
    return count


class Explainer:
    """Writes the propositions of a network as formulas.

    Args:
        network: The network.
        is_true: The propositions that hold whatever is answered, as numbers of causes that are left.
    """

    def __init__(self, network: Network, left: list[int]) -> None:
        self._network = network
        self._left = left
        self._known: dict[Proposition, Formula] = {}

    def explain(self, proposition: Proposition) -> Formula:
        """When ``proposition`` becomes true."""
        # a stack of its own, because chains of causes may be deeper than Python's
        stack = [(proposition, False)]
        entered: set[Proposition] = set()
        while stack:
            current, is_ready = stack.pop()
            if current in self._known:
                continue
            if is_ready:
                self._known[current] = self._join(current)
            elif self._left[current] <= 0:
                self._known[current] = ALWAYS
            elif current in self._network.told:
                self._known[current] = self._tell(current)
            elif current not in entered:
                entered.add(current)
                stack.append((current, True))
                stack += [(cause, False) for cause in self._network.causes[current]]
        return self._known[proposition]

    def _tell(self, proposition: Proposition) -> Formula:
        told = self._network.told[proposition]
        if isinstance(told, Test):
            return _hold(told.expression, proposition == told.holds)
        number, what = told
        label = self._network.questions[number].decision.label
        return Answered(label, what) if isinstance(what, tuple) else Includes(label, (what,))

    def _join(self, proposition: Proposition) -> Formula:
        # a cause that is not known leads back here, and nothing causes itself
        parts = [self._known.get(cause, NEVER) for cause in self._network.causes[proposition]]
        return _all_of(parts) if self._network.is_conjunction(proposition) else _any_of(parts)


def _all_of(parts: list[Formula]) -> Formula:
    flat: dict[Formula, None] = {}
    for part in parts:
        if part == NEVER:
            return NEVER
        flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AllOf(tuple(flat))


def _any_of(parts: list[Formula]) -> Formula:
    flat: dict[Formula, None] = {}
    answers: dict[str, dict[Choice, None]] = {}
    indices: dict[str, dict[int, None]] = {}
    for part in parts:
        if part == ALWAYS:
            return ALWAYS
        for piece in part.parts if isinstance(part, AnyOf) else (part,):
            if isinstance(piece, Answered):
                answers.setdefault(piece.label, {}).update(dict.fromkeys(piece.answers))
            elif isinstance(piece, Includes):
                indices.setdefault(piece.label, {}).update(dict.fromkeys(piece.indices))
            else:
                flat[piece] = None
    merged: list[Formula] = [Answered(label, _in_order(found)) for label, found in answers.items()]
    merged += [Includes(label, tuple(sorted(found))) for label, found in indices.items()]
    merged += [piece for piece in flat if not (isinstance(piece, AllOf) and set(piece.parts) & set(merged))]
    return merged[0] if len(merged) == 1 else _factor(merged)


def _in_order(answers: Iterable[Choice]) -> tuple[Choice, ...]:
    """Numbers in rising order, anything else as it comes."""
    found = tuple(answers)
    return tuple(sorted(found)) if all(type(answer) in (int, float) for answer in found) else found


def _factor(parts: list[Formula]) -> Formula:
    """Any of ``parts``, what all of them demand written once."""
    if not parts or not all(isinstance(part, AllOf) for part in parts):
        return AnyOf(tuple(parts))
    demands = [part.parts for part in parts if isinstance(part, AllOf)]
    common = [part for part in demands[0] if all(part in others for others in demands[1:])]
    if not common:
        return AnyOf(tuple(parts))
    rest = [_all_of([part for part in demand if part not in common]) for demand in demands]
    return _all_of([*common, _any_of(rest)])


def _hold(expression: Expression, expected: bool) -> Formula:
    """An expression holds, or does not; of one choice of one candidate, the answers with which it does."""
    decisions = {decision.label: decision for decision in expression.decisions()}
    if len(decisions) == 1:
        (decision,) = decisions.values()
        if decision.n_chosen is None:
            options = decision.options()
            return Answered(
                decision.label,
                tuple(option for option in options if bool(expression.evaluate({decision.label: option})) == expected),
            )
    return Holds(expression, expected)
