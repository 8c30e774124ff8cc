"""What operators of the child, and layers without weights, give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retix.mutation.inheritance.function import (
    find_fixed,
    keeps_zero,
    leaves_alone,
    list_items,
    name_function,
    stops_at_zero,
)
from retix.mutation.inheritance.image import UNKNOWN, Image, simplify
from retix.mutation.inheritance.insertion import give_zero
from retix.mutation.inheritance.layer import read_layer
from retix.mutation.inheritance.layout import carry, concatenate
from retix.mutation.inheritance.program import Key, Ref, Step
from retix.mutation.inheritance.trail import Trail


def take_operator(trail: Trail, step: Step, given: Sequence[Image]) -> list[Image]:
    """What a step without a state gives.

    Args:
        trail: What is known; it receives what layers before should do.
        step: The step.
        given: What its inputs are in the parent.

    Returns:
        What its outputs are in the parent.
    """
    if any(image.is_zero for image in given):
        found = _take_zero(step, given)
        if found is not None:
            return [found] * len(step.outputs)
    source = trail.find_equal(step)
    if source is not None:
        return _apply(trail, step, source, given)
    fixed = find_fixed(step, given)
    if len(step.outputs) == 1:
        found = _insert(trail, step, given)
        if found is not None:
            return [replace(found, fixed=found.fixed | fixed)]
    layout = replace(carry(step, given) or UNKNOWN, is_exact=False, fixed=fixed)
    source = trail.find_place(step)
    if source is None or len(source.outputs) != len(step.outputs):
        return [replace(layout, ref=None)] * len(step.outputs)
    return [replace(layout, ref=ref.id) for ref in source.outputs]


def _apply(trail: Trail, step: Step, source: Step, given: Sequence[Image]) -> list[Image]:
    """What a step gives that does the same as one of the parent."""
    exact = all(image.is_exact for image in given)
    layout = carry(step, given)
    fixed = find_fixed(step, given)
    if layout is None or len(step.outputs) != 1:
        whole = exact and all(image.index is None for image in given)
        if exact and not whole:
            _ask_for_units(trail, given)
        return [Image(ref.id, is_exact=whole, fixed=fixed) for ref in source.outputs]
    image = replace(layout, ref=source.outputs[0].id, is_exact=layout.is_exact and exact, fixed=fixed)
    return [replace(image, index=simplify(image.index, image.parent_size))]


def _ask_for_units(trail: Trail, given: Sequence[Image]) -> None:
    """Where inputs should have the same units and have not, let those that could choose take the others'."""
    settled = [image for image in given if image.free is None and image.index is not None]
    wanted = settled[0] if settled else next((image for image in given if image.index is not None), None)
    if wanted is None or wanted.index is None or wanted.is_flat:
        return
    for image in given:
        fits = image.child_size == wanted.child_size and image.parent_size == wanted.parent_size
        if isinstance(image.free, tuple) and image.index != wanted.index and fits:
            trail.wishes.setdefault(image.free, wanted.index)


def _take_zero(step: Step, given: Sequence[Image]) -> Image | None:
    """What comes of zeros: zeros, or in a sum what is added to them; None if it is neither."""
    name = name_function(step)
    zeros = [image for image in given if image.is_zero]
    others = [place for place, image in enumerate(given) if not image.is_zero]
    if name == "mul" or (not others and (keeps_zero(name) or name in ("add", "sub", "cat"))):
        return replace(zeros[0], child_size=None)
    if len(given) == 2 and len(others) == 1 and (name == "add" or (name == "sub" and given[1].is_zero)):
        refs = step.inputs
        return given[others[0]] if _is_as_large(refs[others[0]], refs[1 - others[0]]) else None
    return None


def _is_as_large(ref: Ref, other: Ref) -> bool:
    """Whether a value is not stretched to the size of another that it is added to, as far as sizes are known."""
    if ref.shape is None or other.shape is None:
        return ref.rank == other.rank
    stretched = zip(ref.shape[::-1], other.shape[::-1], strict=False)
    return len(ref.shape) >= len(other.shape) and not any(a == 1 < b for a, b in stretched)


# -- steps that the parent does not have ------------------------------------------------------------------------


def _insert(trail: Trail, step: Step, given: Sequence[Image]) -> Image | None:
    """What a step gives that the parent does not have, if it changes nothing or can be made to."""
    if len(given) == 1 and given[0].is_exact and leaves_alone(step, given[0]):
        return given[0]
    name = name_function(step)
    if name == "cat":
        return _select(trail, step, given)
    if name == "add" and len(given) == 2 and any(image.is_exact for image in given):
        _ask_for_zero(trail, step, given)
    return None


def _ask_for_zero(trail: Trail, step: Step, given: Sequence[Image]) -> None:
    """Let the last layer of a branch that the parent does not add give 0."""
    wanted = trail.find_wanted(step.outputs[0])
    for place in sorted(range(2), key=lambda place: (given[place].ref in wanted, -place)):
        other = given[1 - place]
        leaf = _find_new_leaf(trail, step.inputs[place])
        if other.is_exact and other.ref is not None and leaf is not None:
            trail.wishes.setdefault(leaf, "zero")
            return


def _find_new_leaf(trail: Trail, ref: Ref) -> Key | None:
    """The layer at the end of a branch, if it alone leads here, the parent has it not, and it can give 0."""
    before_relu = False
    while True:
        step = trail.made.get(ref.id)
        if step is None or len(trail.users_of(ref)) != 1 or len(step.outputs) != 1:
            return None
        taken, layer = trail.outcome.taken.get(step.key), read_layer(step.op)
        if taken is not None and (taken.source is not None or trail.is_replaced(step) or layer is None):
            return None
        if layer is not None and give_zero(layer, before_relu=before_relu) is not None:
            return step.key
        name = name_function(step)
        if len(step.inputs) != 1 or not (name == "prelu" or keeps_zero(name)):
            return None
        before_relu |= stops_at_zero(name)
        ref = step.inputs[0]


def _select(trail: Trail, step: Step, given: Sequence[Image]) -> Image | None:
    """A concatenation of more than the parent has, of which what comes behind needs only what the parent has."""
    items = list_items(step)
    if items is None or len(items) != len(given):
        return None
    for target in sorted(trail.find_wanted(step.outputs[0])):
        places = [place for place, image in enumerate(given) if image.ref == target and image.is_exact]
        if places:
            starts = [0 if place == places[0] else None for place in range(len(given))]
            size = given[places[0]].parent_size
            found = concatenate(given, starts, size) if size is not None else None
            return None if found is None else replace(found, ref=target)
        whole = trail.find_maker(target)
        if whole is not None and whole.type == step.type:
            return _select_items(whole, given)
    return None


def _select_items(whole: Step, given: Sequence[Image]) -> Image | None:
    """The same where the parent has a concatenation too."""
    starts: list[int | None] = [None] * len(given)
    total = 0
    for item in list_items(whole) or ():
        places = [place for place, image in enumerate(given) if image.ref == item.id and starts[place] is None]
        size = given[places[0]].parent_size if places else None
        if size is None:
            return None
        starts[places[0]] = total
        total += size
    found = concatenate(given, starts, total)
    return None if found is None else replace(found, ref=whole.outputs[0].id)
