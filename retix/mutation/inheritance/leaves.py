"""What layers and parameters of the child take over, and what they then give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from retix.ir import Module, Tensor
from retix.mutation.inheritance.fit import Fit, fit
from retix.mutation.inheritance.image import UNKNOWN, Image, spread
from retix.mutation.inheritance.insertion import give_zero, hand_on
from retix.mutation.inheritance.layer import Layer, read_layer
from retix.mutation.inheritance.program import Ref, Step
from retix.mutation.inheritance.rule import along, take
from retix.mutation.inheritance.trail import Taken, Trail


def take_leaf(trail: Trail, step: Step, given: Sequence[Image]) -> list[Image]:
    """Note what a step with a state takes over.

    Args:
        trail: What is known; it receives what is taken over.
        step: The step.
        given: What its inputs are in the parent.

    Returns:
        What its outputs are in the parent.
    """
    source = trail.find_place(step)
    if step.type == "branches":
        return _take_branches(trail, step, source, given)
    if isinstance(step.op, Tensor):
        return [_take_tensor(trail, step, step.op, source)]
    layer = read_layer(step.op)
    if layer is None or len(step.args) != 1 or step.kwargs or len(given) != 1 or len(step.outputs) != 1:
        return _take_whole(trail, step, source, given)
    return [_take_layer(trail, step, source, layer, _look_along(layer, given[0], step.inputs[0]))]


def _take_layer(trail: Trail, step: Step, source: Step | None, layer: Layer, given: Image) -> Image:
    """A layer of which is known how its units can be taken over one by one."""
    wish = trail.wishes.get(step.key)
    if wish == "zero":
        return _keep(trail, Taken(step, None, give_zero(layer)))
    known = None if source is None else read_layer(source.op)
    if source is not None and known is not None and source.inputs:
        made = fit(known, layer, given, wish if isinstance(wish, tuple) else None)
        meets = given.is_exact and given.ref == source.inputs[0].id
        if made is not None and (step.base == source.base or (meets and made.image.is_exact)):
            return _keep(trail, Taken(step, source, made, made.why), meets, can_choose=_can_choose(layer))
    if given.is_exact and not trail.is_replaced(step):
        made = hand_on(layer, given)
        if made is not None:
            return _keep(trail, Taken(step, None, made))
    trail.note(Taken(step, None, None, _say_why(trail, step)))
    ref = None if source is None else source.outputs[0].id
    axis = _find_axis(layer, given)
    return Image(ref, axis=axis, parent_size=layer.out_size, child_size=layer.out_size)


def _keep(trail: Trail, taken: Taken, meets: bool = True, *, can_choose: bool = False) -> Image:
    """Note what a layer takes over, and give the image of its output."""
    assert taken.fit is not None, "it has rules"
    agrees = trail.note(taken)
    image = taken.fit.image
    if taken.source is None:
        return image if agrees else replace(image, is_exact=False)
    free = taken.step.key if can_choose else None
    exact = image.is_exact and meets and agrees
    return replace(image, ref=taken.source.outputs[0].id, is_exact=exact, free=free)


def _take_whole(trail: Trail, step: Step, source: Step | None, given: Sequence[Image]) -> list[Image]:
    """A layer of which is not known what it holds: what is of equal name and shape is copied."""
    if source is None or source.type != step.type or source.base != step.base:
        trail.note(Taken(step, None, None, _say_why(trail, step)))
        return [UNKNOWN] * len(step.outputs)
    same = _without_state(source.op) == _without_state(step.op) and trail.does_same(step, source, given)
    why = "" if same else "its input or its arguments are not those of its counterpart"
    trail.note(Taken(step, source, None, why))
    return _pair(step, source, same)


def _take_tensor(trail: Trail, step: Step, op: Tensor, source: Step | None) -> Image:
    """A parameter that forward uses by itself."""
    known = source.op if source is not None else None
    if source is None or not isinstance(known, Tensor) or len(known.shape) != len(op.shape):
        trail.note(Taken(step, None, None, _say_why(trail, step)))
        return UNKNOWN
    if op.kind == "constant" or not op.persistent:  # no part of the state, so that it stays what it is
        return Image(source.outputs[0].id, is_exact=known == op)
    pairs = list(zip(known.shape, op.shape, strict=True))
    indices = [spread(old, new) if old else None for old, new in pairs]
    changed = [place for place, index in enumerate(indices) if index is not None]
    image = Image(source.outputs[0].id, is_exact=not changed)
    if len(changed) == 1:
        place = changed[0]
        sizes = pairs[place]
        image = Image(image.ref, indices[place], place - len(pairs), sizes[0], sizes[1], is_exact=True)
    what = "copied" if not changed else "widened" if all(new >= old for old, new in pairs) else "narrowed"
    return _keep(trail, Taken(step, source, Fit({"": take([along(index) for index in indices])}, image, what)))


def _take_branches(trail: Trail, step: Step, source: Step | None, given: Sequence[Image]) -> list[Image]:
    """Control flow: the leaves in it are copied, and it is exact if nothing in it has changed."""
    for leaf in step.inner:
        counterpart = trail.find_inner(leaf)
        fits = counterpart is not None and counterpart.type == leaf.type and counterpart.base == leaf.base
        why = "" if fits else _say_why(trail, leaf)
        if leaf.key not in trail.outcome.taken:
            trail.note(Taken(leaf, counterpart if fits else None, None, why))
    if source is None or source.text != step.text:
        return [UNKNOWN] * len(step.outputs)
    return _pair(step, source, trail.does_same(step, source, given))


def _pair(step: Step, source: Step, same: bool) -> list[Image]:
    """The outputs of a step, one by one those of its counterpart."""
    if len(step.outputs) != len(source.outputs):
        return [UNKNOWN] * len(step.outputs)
    return [Image(ref.id, is_exact=same) for ref in source.outputs]


def _look_along(layer: Layer, image: Image, ref: Ref) -> Image:
    """The image of a layer's input, as far as the units lie where the layer looks for them."""
    if image.index is None or image.axis is None or layer.kind == "Linear":
        return image
    if layer.kind in ("LayerNorm", "RMSNorm"):
        seen = image.axis == -1
    elif layer.kind in ("Conv", "ConvTranspose") or layer.dims > 1:
        seen = image.axis == -1 - layer.dims
    else:
        seen = ref.rank is None or image.axis == 1 - ref.rank
    return image if seen else Image(image.ref)


def _find_axis(layer: Layer, given: Image) -> int | None:
    """Where the units that a layer gives lie; None if that depends on its input."""
    if layer.kind in ("Linear", "Embedding"):
        return -1
    return -1 - layer.dims if layer.dims > 1 or layer.kind.startswith("Conv") else given.axis


def _can_choose(layer: Layer) -> bool:
    """Whether the units that a layer gives need not be those that it is given."""
    return layer.kind in ("Conv", "ConvTranspose", "Linear", "Embedding") and layer.groups == 1


def _without_state(op: Any) -> Any:
    return replace(op, state=()) if isinstance(op, Module) else op


def _say_why(trail: Trail, step: Step) -> str:
    """Why a leaf takes nothing over."""
    if trail.find_place(step) is not None or trail.is_replaced(step):
        return "the parent has another layer in its place"
    return "the parent has no such layer, and it cannot be made to change nothing"
