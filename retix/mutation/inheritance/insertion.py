"""How a layer that the parent does not have changes nothing: it hands on what it is given, or gives 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retix.mutation.inheritance.fit import Fit
from retix.mutation.inheritance.image import NEW, Image, Index
from retix.mutation.inheritance.layer import Layer
from retix.mutation.inheritance.rule import Rule, fill, identity

TINY = 1e-30
"""Too little to change a sum, and enough for a ReLU to hand back a gradient: at 0 it would be dead for ever."""


def hand_on(layer: Layer, given: Image) -> Fit | None:
    """A layer that gives what it is given, or copies of it where it has more outputs; None if it cannot be one.

    Convolutions need a stride of 1, an odd kernel, and padding that keeps the size; batch norms are neutral in eval
    mode only.
    """
    if layer.kind == "BatchNorm" and layer.has_statistics:
        eps = layer.settings["eps"]
        rules = {"running_mean": fill(0.0), "running_var": fill(1.0 - eps), "num_batches_tracked": fill(0.0)}
        rules |= {"weight": fill(1.0), "bias": fill(0.0)} if layer.has_weight else {}
        return Fit(rules, given, "identity")
    if layer.kind == "PReLU":
        return Fit({"weight": fill(1.0)}, given, "identity")
    if layer.kind == "Linear" or (layer.kind == "Conv" and _keeps_size(layer)):
        return _hand_on_units(layer, given)
    return None


def give_zero(layer: Layer, *, before_relu: bool = False) -> Fit | None:
    """A layer that gives 0 whatever it is given, but can learn to give more; None if it cannot be one.

    Args:
        layer: The layer.
        before_relu: Whether a ReLU or the like comes behind it, which hands no gradient back where it gives 0.
    """
    if not layer.has_weight or layer.kind in ("PReLU", "Embedding") or (before_relu and not layer.has_bias):
        return None
    rules = {"weight": fill(0.0)} | ({"bias": fill(TINY)} if layer.has_bias else {})
    return Fit(rules, Image(None, child_size=layer.out_size, is_exact=True, is_zero=True), "zero")


def _hand_on_units(layer: Layer, given: Image) -> Fit | None:
    units = layer.in_size
    if given.axis != (-1 if layer.kind == "Linear" else -1 - layer.dims):
        return None
    picked: Sequence[int] = range(units)
    if layer.groups > 1:
        if layer.out_size != units:
            return None
        picked, index = [unit % (units // layer.groups) for unit in picked], given.index
    elif layer.out_size != units:
        known = given.index if given.index is not None else tuple(range(units))
        found = None if given.is_flat or len(known) != units else _pick(known, given.parent_size, layer.out_size)
        if found is None:
            return None
        picked, index = found, tuple(known[unit] for unit in found)
    else:
        index = given.index
    rules: dict[str, Rule] = {"weight": identity(picked)}
    rules |= {"bias": fill(0.0)} if layer.has_bias else {}
    return Fit(rules, replace(given, index=index, child_size=layer.out_size, free=None), "identity")


def _pick(known: Index, parent_size: int | None, count: int) -> list[int] | None:
    """Which inputs to hand on so that every unit of the parent is among them; None if there are too few outputs."""
    if count >= len(known):
        return [unit % len(known) for unit in range(count)]
    if parent_size is None or count < parent_size or NEW in known or set(known) != set(range(parent_size)):
        return None
    return [known.index(unit % parent_size) for unit in range(count)]


def _keeps_size(layer: Layer) -> bool:
    """Whether a convolution can give what it is given."""
    sizes, dilations = layer.along("kernel_size"), layer.along("dilation")
    if set(layer.along("stride")) != {1} or any(size % 2 == 0 for size in sizes):
        return False
    if isinstance(layer.settings["padding"], str):
        return layer.settings["padding"] == "same" or set(sizes) == {1}
    needed = tuple(dilation * (size - 1) // 2 for size, dilation in zip(sizes, dilations, strict=True))
    return layer.along("padding") == needed
