"""Where units lie behind a step that keeps them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retix.ir import Module
from retix.mutation.inheritance.function import (
    ELEMENTWISE,
    JOINING,
    MEANS,
    SOFTMAXES,
    find_argument,
    is_flattening,
    is_spatial,
    list_items,
    name_function,
)
from retix.mutation.inheritance.image import NEW, Image
from retix.mutation.inheritance.program import Ref, Step, find_refs

_ANY = 99


def carry(step: Step, given: Sequence[Image]) -> Image | None:
    """Where the units of a step's output lie, if it does on the child what it does on the parent.

    Args:
        step: An operator, or a layer without weights.
        given: What its inputs are in the parent.

    Returns:
        An image without a meaningful ``ref``, exact if all that is given is; None if the step mixes units, or nothing
        is known of it.
    """
    name = name_function(step)
    if not given:
        return None
    first = given[0]
    if name in JOINING and len(given) > 1:
        return _join(step, given)
    if name == "cat":
        return _concatenate(step, given)
    if len(given) != 1 and name not in ("reshape", "view"):
        return None
    if name in ELEMENTWISE or name in JOINING:
        return first
    if first.axis is None:
        return None
    if is_spatial(name):
        return first if first.axis < -_count_dims(step, name) else None
    rank = _find_rank(step.inputs[0], first.axis)
    return None if rank is None else _reshape(step, name, first, rank + first.axis, rank)


def _find_rank(ref: Ref, axis: int) -> int | None:
    """How many axes a value has; where that is not known, units that are not last are taken to lie on the second."""
    if ref.rank is None and axis == -1:
        return None
    return ref.rank or 1 - axis


def concatenate(given: Sequence[Image], starts: Sequence[int | None], parent_size: int) -> Image | None:
    """What a concatenation is, each of whose inputs begins somewhere in a value of the parent, or nowhere in it."""
    index: list[int] = []
    for image, start in zip(given, starts, strict=True):
        if image.child_size is None or image.is_flat:
            return None
        if start is None:
            index += [NEW] * image.child_size
        else:
            own = image.index if image.index is not None else range(image.child_size)
            index += [NEW if unit == NEW else start + unit for unit in own]
    exact = all(image.is_exact for image, start in zip(given, starts, strict=True) if start is not None)
    return Image(None, tuple(index), given[0].axis, parent_size, len(index), is_exact=exact)


def _join(step: Step, given: Sequence[Image]) -> Image | None:
    """A sum or the like: its inputs must have the same units at the same places, or none at all."""
    axes = [image.axis for image in given if image.index is not None and image.axis is not None]
    spanning = [
        image
        for image, ref in zip(given, step.inputs, strict=True)
        if not (axes and image.index is None and _is_broadcast(image, ref, axes[0]))
    ]
    forms = {(image.index, image.is_flat, image.axis) for image in spanning}
    sizes = {image.child_size for image in spanning}
    if len(forms) != 1 or (spanning[0].index is not None and len(sizes) != 1):
        return None
    return replace(spanning[0], is_exact=all(image.is_exact for image in given), free=None)


def _is_broadcast(image: Image, ref: Ref, axis: int) -> bool:
    """Whether a value has nothing along an axis, or one entry."""
    if ref.rank is not None and ref.rank < -axis:
        return True
    return image.axis == axis and image.parent_size == image.child_size == 1


def _concatenate(step: Step, given: Sequence[Image]) -> Image | None:
    items, first = list_items(step), given[0]
    dim = find_argument(step, 1, "dim", 0)
    if items is None or not isinstance(dim, int) or first.axis is None or len({image.axis for image in given}) != 1:
        return None
    rank = _find_rank(items[0], first.axis)
    if rank is None and dim >= 0:
        return None
    if (dim if rank is None else dim % rank - rank) != first.axis:
        same = len({image.index for image in given}) == 1
        return replace(first, free=None) if same else None
    starts: list[int | None] = []
    total = 0
    for image in given:
        if image.parent_size is None:
            return None
        starts.append(total)
        total += image.parent_size
    return concatenate(given, starts, total)


def _count_dims(step: Step, name: str) -> int:
    """How many of the last axes a layer or operator looks at."""
    if name == "pad":
        pads = find_argument(step, 1, "pad")
        return len(pads) // 2 if isinstance(pads, (list, tuple)) else _ANY
    digits = [character for character in name if character.isdigit()]
    if digits:
        return int(digits[0])
    rank = step.inputs[0].rank
    return _ANY if name != "upsample" or rank is None else rank - 2


def _reshape(step: Step, name: str, image: Image, place: int, rank: int) -> Image | None:
    """Where units that lie at ``place``, counted from the first axis, come to lie."""
    if name == "flatten":
        start = find_argument(step, 1, "start_dim", 1 if isinstance(step.op, Module) else 0)
        return _flatten(image, place, rank, start % rank, find_argument(step, 2, "end_dim", -1) % rank)
    if name in ("reshape", "view"):
        shape = find_argument(step, 1, "shape")
        return _flatten(image, place, rank, 1, rank - 1) if is_flattening(shape) else None
    if name in MEANS:
        return _reduce(step, image, place, rank)
    if name in SOFTMAXES or name == "size":
        dim = find_argument(step, 1, "dim")
        if not isinstance(dim, int) or dim % rank == place:
            return None
        return image if name in SOFTMAXES else Image(None, is_exact=image.is_exact)
    return _permute(step, name, image, place, rank)


def _permute(step: Step, name: str, image: Image, place: int, rank: int) -> Image | None:
    order = list(range(rank))
    if name == "transpose":
        first, second = find_argument(step, 1, "dim0"), find_argument(step, 2, "dim1")
        if not isinstance(first, int) or not isinstance(second, int):
            return None
        order[first % rank], order[second % rank] = order[second % rank], order[first % rank]
    elif name == "permute":
        dims = find_argument(step, 1, "dims")
        if not isinstance(dims, (list, tuple)) or len(dims) != rank:
            return None
        order = [dim % rank for dim in dims]
    else:
        return None
    return replace(image, axis=order.index(place) - rank)


def _flatten(image: Image, place: int, rank: int, start: int, end: int) -> Image | None:
    lost = end - start
    left = rank - lost
    if place < start:
        return replace(image, axis=place - left)
    if place > end:
        return replace(image, axis=place - lost - left)
    if place != start:
        return None  # the units lie scattered
    return replace(image, axis=start - left, is_flat=image.is_flat or end > start)


def _reduce(step: Step, image: Image, place: int, rank: int) -> Image | None:
    dims = find_argument(step, 1, "dim")
    dims = [dims] if isinstance(dims, int) else dims
    if not isinstance(dims, (list, tuple)) or not dims or any(find_refs(dims)) or image.axis is None:
        return None
    reduced = {dim % rank for dim in dims}
    if place in reduced:
        return None
    if find_argument(step, 2, "keepdim", False) is True:
        return image
    return replace(image, axis=image.axis + sum(dim > place for dim in reduced))
