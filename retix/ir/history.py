"""Where a model comes from: its front end, users' classes as text, and what mutators chose."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retix.ir.model import Model


class ModelStatus(Enum):
    """What becomes of a model in a search that hands models around."""

    Mutating = "mutating"
    Frozen = "frozen"
    Training = "training"
    Trained = "trained"
    Failed = "failed"


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


class Trace:
    """The live objects of one mutation, held weakly, so that a history keeps no model alive; copies have none.

    Args:
        mutator: Who made the model.
        parent: Of which model.
        child: The model.
    """

    __slots__ = ("_child", "_mutator", "_parent")

    def __init__(self, mutator: Any = None, parent: Model | None = None, child: Model | None = None) -> None:
        self._mutator = _refer(mutator)
        self._parent = _refer(parent)
        self._child = _refer(child)

    @property
    def mutator(self) -> Any:
        """The mutator, while somebody holds it."""
        return self._mutator() if self._mutator is not None else None

    @property
    def parent(self) -> Model | None:
        """The model before, while somebody holds it."""
        return self._parent() if self._parent is not None else None

    @property
    def child(self) -> Model | None:
        """The model after, while somebody holds it."""
        return self._child() if self._child is not None else None

    def __reduce__(self) -> tuple[type[Trace], tuple[()]]:
        return Trace, ()


def _refer(item: Any) -> weakref.ref[Any] | None:
    return weakref.ref(item) if item is not None else None


@dataclass(frozen=True, slots=True)
class Mutation:
    """What one mutator chose on the way to a model.

    Attributes:
        label: The mutator's label.
        choices: Label and answer of each choice, in order.
        taken: What the mutator was given for its choices: the candidates themselves, where they were no JSON values.
        trace: The live objects; like ``taken`` neither compared nor written.
    """

    label: str
    choices: tuple[tuple[str, Any], ...]
    taken: tuple[Any, ...] | None = field(default=None, compare=False, repr=False)
    trace: Trace = field(default_factory=Trace, compare=False, repr=False)

    @property
    def mutator(self) -> Any:
        """The mutator itself while somebody holds it, afterwards its label."""
        live = self.trace.mutator
        return live if live is not None else self.label

    @property
    def samples(self) -> list[Any]:
        """What was chosen, in order."""
        return [answer for _, answer in self.choices] if self.taken is None else list(self.taken)

    @property
    def from_(self) -> Model | None:
        """The model that was mutated, while somebody holds it."""
        return self.trace.parent

    @property
    def to(self) -> Model | None:
        """The model that came out, while somebody holds it."""
        return self.trace.child
