"""Follows a child's computation and finds in its parent what each step of it stands for."""

from __future__ import annotations

from retix.mutation.inheritance.image import Image
from retix.mutation.inheritance.leaves import take_leaf
from retix.mutation.inheritance.operators import take_operator
from retix.mutation.inheritance.program import Program, find_refs, freeze
from retix.mutation.inheritance.trail import Outcome, Taken, Trail, has_state

_PASSES = 64


def find_outcome(parent: Program, child: Program) -> Outcome:
    """What a child takes over from its parent.

    Going through the child in order, it is known of each value which of the parent's it equals, perhaps with units
    copied or in another order (`Image`). A step that does to such values what a step of the parent does to theirs gives
    another such value. A step that the parent does not have is made to change nothing. Where neither is possible, the
    step of the same place still hands on its weights, but what comes behind is no longer exact.

    Two things are only found out behind a layer: that the units it copied should have been others, since it is added to
    something, and that it should give 0, since the parent does not add it at all. Then the way is gone once more.
    """
    trail = Trail(parent, child)
    for _ in range(_PASSES):
        known = len(trail.wishes)
        _follow(trail)
        if len(trail.wishes) == known:
            break
    trail.outcome.preserves = _is_result_same(trail) and not (parent.overwrites or child.overwrites)
    _drop_idle(trail)
    return trail.outcome


def _follow(trail: Trail) -> None:
    """Go the child's way once."""
    trail.begin()
    for own, other in zip(trail.child.inputs, trail.parent.inputs, strict=False):
        size = own.shape[1] if own.shape is not None and len(own.shape) > 1 else None
        axis = 1 - own.rank if own.rank is not None and own.rank > 1 else None
        trail.images[own.id] = Image(other.id, None, axis, size, size, is_exact=True)
    for step in trail.child.steps:
        given = [trail.find_image(ref) for ref in step.inputs]
        results = take_leaf(trail, step, given) if has_state(step) else take_operator(trail, step, given)
        for ref, image in zip(step.outputs, results, strict=True):
            trail.images[ref.id] = image
            trail.made[ref.id] = step


def _is_result_same(trail: Trail) -> bool:
    """Whether the child returns what the parent returns."""
    if not all(trail.find_image(ref).is_same for ref in find_refs(trail.child.result)):
        return False
    own = freeze(trail.child.result, trail.name_value)
    return bool(own == freeze(trail.parent.result, lambda ref: ref.id))


def _drop_idle(trail: Trail) -> None:
    """Layers that only lead to one that gives 0 need not hand on anything: they start as they would anyway."""
    alive = {ref.id for ref in find_refs(trail.child.result)}
    for step in reversed(trail.child.steps):
        taken = trail.outcome.taken.get(step.key)
        what = taken.fit.what if taken is not None and taken.fit is not None else ""
        if any(ref.id in alive for ref in step.outputs):
            if what != "zero":
                alive |= {ref.id for ref in step.inputs}
        elif what == "identity":
            trail.outcome.taken[step.key] = Taken(step, None, None, "only a layer that gives 0 needs it")
