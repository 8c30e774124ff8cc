"""What is known while a child's computation is followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from retix.ir import Module
from retix.mutation.inheritance.fit import Fit
from retix.mutation.inheritance.function import list_comparable
from retix.mutation.inheritance.image import UNKNOWN, Image, Index
from retix.mutation.inheritance.layer import read_layer
from retix.mutation.inheritance.program import Key, Program, Ref, Step, freeze

Wish: TypeAlias = Index | str
"""What a layer should do that can choose: give these units, or ``zero``."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a leaf of the child takes over.

    Attributes:
        step: The leaf.
        source: Its counterpart in the parent; None for a layer that the parent does not have.
        fit: The rules; None to copy what is there of equal name and shape, if there is a counterpart.
        why: Why there is nothing to take over, or why the function is another.
    """

    step: Step
    source: Step | None
    fit: Fit | None
    why: str = ""


@dataclass(slots=True)
class Outcome:
    """What a child takes over.

    Attributes:
        taken: Of each leaf, by its key.
        preserves: Whether the child computes what its parent computes.
    """

    taken: dict[Key, Taken] = field(default_factory=dict)
    preserves: bool = False


class Trail:
    """What is known while a child's computation is followed.

    Args:
        parent: The parent's steps.
        child: The child's steps.

    Attributes:
        parent: The parent's steps.
        child: The child's steps.
        images: What the child's values are in the parent, by their numbers.
        made: The step that made each of them.
        outcome: What was found so far.
        wishes: What layers should do, as was found out behind them; kept when the way is gone anew.
    """

    def __init__(self, parent: Program, child: Program) -> None:
        self.parent = parent
        self.child = child
        self.wishes: dict[Key, Wish] = {}
        self._places = {step.place: step for step in parent.steps}
        self._does: dict[Any, Step] = {}
        for step in parent.steps:
            self._does.setdefault(_sign(step, lambda ref: ref.id), step)
        self._inner = {leaf.key: leaf for step in parent.steps for leaf in step.inner}
        self._makers = {ref.id: step for step in parent.steps for ref in step.outputs}
        self._users: dict[int, list[Step]] = defaultdict(list)
        for step in child.steps:
            for ref in dict.fromkeys(step.inputs):
                self._users[ref.id].append(step)
        self.begin()

    def begin(self) -> None:
        """Forget all but the wishes."""
        self.images: dict[int, Image] = {}
        self.made: dict[int, Step] = {}
        self.outcome = Outcome()

    # -- the parent ---------------------------------------------------------------------------------------------

    def find_place(self, step: Step) -> Step | None:
        """The parent's step at the same place."""
        return self._places.get(step.place)

    def find_inner(self, leaf: Step) -> Step | None:
        """The parent's leaf of the same key, in control flow or outside of it."""
        return self._inner.get(leaf.key) or self._places.get((leaf.key, 0))

    def find_maker(self, number: int) -> Step | None:
        """The parent's step that gives the value of that number."""
        return self._makers.get(number)

    def find_equal(self, step: Step) -> Step | None:
        """The parent's step that does the same to what is given here in the parent."""
        return self._does.get(_sign(step, self.name_value))

    def is_replaced(self, step: Step) -> bool:
        """Whether the parent has something else where a leaf stands."""
        leaves, own = self.parent.leaves, step.key
        if any(own[:length] in leaves for length in range(1, len(own) + 1)):
            return True
        return any(key[: len(own)] == own for key in leaves)

    def does_same(self, step: Step, source: Step, given: Sequence[Image]) -> bool:
        """Whether a step is given exactly what its counterpart is given."""
        if not all(image.is_same for image in given) or len(step.outputs) != len(source.outputs):
            return False
        own = freeze((step.args, step.kwargs), self.name_value)
        return bool(own == freeze((source.args, source.kwargs), lambda ref: ref.id))

    # -- the child ----------------------------------------------------------------------------------------------

    def find_image(self, ref: Ref) -> Image:
        """What a value of the child is in the parent."""
        return self.images.get(ref.id, UNKNOWN)

    def name_value(self, ref: Ref) -> Any:
        """The number that a value of the child has in the parent, or something that no value has."""
        number = self.find_image(ref).ref
        return number if number is not None else ("own", ref.id)

    def users_of(self, ref: Ref) -> list[Step]:
        """The child's steps that take a value."""
        return self._users[ref.id]

    def find_wanted(self, ref: Ref) -> set[int]:
        """The values that the parent has where the child goes on from ``ref``."""
        found = set()
        for user in self.users_of(ref):
            source = self.find_place(user)
            if source is not None and source.type == user.type:
                places = [place for place, item in enumerate(user.inputs) if item == ref]
                found |= {source.inputs[place].id for place in places if place < len(source.inputs)}
        return found

    def note(self, taken: Taken) -> bool:
        """Note what a leaf takes over; False if it was called before and then took over something else."""
        before = self.outcome.taken.setdefault(taken.step.key, taken)
        rules = [None if item.fit is None else dict(item.fit.rules) for item in (before, taken)]
        return rules[0] == rules[1]


def has_state(step: Step) -> bool:
    """Whether a step holds something that could be taken over."""
    if step.type in ("attribute", "branches"):
        return True
    if not isinstance(step.op, Module):
        return False
    return bool(step.op.state) or read_layer(step.op) is not None or not step.type.startswith("torch.nn.")


def _sign(step: Step, name: Any) -> Any:
    """What a step does to what: equal for steps that do the same to the same; leaves are told apart by their place."""
    own = step.place if has_state(step) else None
    return step.type, own, step.text, len(step.outputs), freeze(list_comparable(step), name)
