"""How a layer of the child takes over what its counterpart in the parent has learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from retix.mutation.inheritance.image import NEW, Image, Index, covers, is_even, simplify, spread
from retix.mutation.inheritance.layer import Layer
from retix.mutation.inheritance.rule import Rule, along, fill, take

MISSING = "some units of its counterpart's input are missing"


@dataclass(frozen=True, slots=True)
class Fit:
    """What becomes of a layer.

    Attributes:
        rules: The rule of each of its tensors, by the name that it has in the layer.
        image: Where its output's units lie in the output of its counterpart; without a ``ref``. It is exact if the
            layer computes from what it is given what its counterpart computes.
        what: One word for it; see `InheritancePlan`.
        why: Why it is not exact; empty if it is.
    """

    rules: Mapping[str, Rule]
    image: Image
    what: str
    why: str = ""


def fit(parent: Layer, child: Layer, given: Image, wanted: Index | None = None) -> Fit | None:
    """How ``child`` takes over the weights of ``parent``.

    Args:
        parent: The counterpart.
        child: The layer.
        given: Where the units of its input lie in the input of the counterpart.
        wanted: Which units it should give, if it can choose; otherwise as `spread` says.

    Returns:
        None if there is nothing to take over.
    """
    if parent.kind != child.kind or parent.dims != child.dims:
        return None
    if child.kind in ("Conv", "ConvTranspose"):
        return _fit_convolution(parent, child, given, wanted)
    if child.kind == "Linear":
        return _fit_linear(parent, child, given, wanted)
    if child.kind == "Embedding":
        return _fit_embedding(parent, child, wanted)
    return _fit_norm(parent, child, given)


def find_input(given: Image, parent_size: int, child_size: int) -> tuple[Index | None, str]:
    """Which inputs of the counterpart each input of a layer is, and why not all are known to be right."""
    guess = spread(parent_size, child_size), "its input is not that of its counterpart, made wider or not"
    if given.index is None:
        return (None, "") if parent_size == child_size else guess
    index = given.index
    if given.is_flat:
        if not given.parent_size or child_size % len(index) or parent_size % given.parent_size:
            return guess
        run = parent_size // given.parent_size
        if child_size // len(index) != run:
            return guess
        index = tuple(NEW if unit == NEW else unit * run + i for unit in index for i in range(run))
    if len(index) != child_size or max(index) >= parent_size:
        return guess
    return index, "" if covers(index, parent_size) else MISSING


def _fit_linear(parent: Layer, child: Layer, given: Image, wanted: Index | None) -> Fit:
    if given.index is not None and given.axis not in (None, -1):
        return _fit_other_axis(parent, child, given)
    inputs, why = find_input(given, parent.in_size, child.in_size)
    outputs = _choose(parent, child, wanted)
    rules = {"weight": take([along(outputs), along(inputs, shared=True)])}
    return _finish(parent, child, rules, outputs, -1, why)


def _fit_other_axis(parent: Layer, child: Layer, given: Image) -> Fit:
    """A linear layer along another axis than that of the units, as it mixes tokens: it keeps the units apart."""
    alike = replace(given, index=None), parent.in_size, child.in_size
    inputs, why = find_input(*alike)
    outputs = _choose(parent, child, None)
    made = _finish(
        parent, child, {"weight": take([along(outputs), along(inputs, shared=True)])}, outputs, given.axis, why
    )
    if outputs is not None or not made.image.is_exact:
        return replace(made, image=replace(made.image, is_exact=False), why=why or "it changes two axes")
    return replace(made, image=replace(given, is_exact=True, fixed=frozenset(), free=None))


def _fit_embedding(parent: Layer, child: Layer, wanted: Index | None) -> Fit:
    rows, known = child.settings["num_embeddings"], parent.settings["num_embeddings"]
    words = None if rows == known else tuple(row if row < known else NEW for row in range(rows))
    outputs = _choose(parent, child, wanted)
    why = "" if rows >= known else "it knows fewer words"
    return _finish(parent, child, {"weight": take([along(words), along(outputs)])}, outputs, -1, why)


def _fit_convolution(parent: Layer, child: Layer, given: Image, wanted: Index | None) -> Fit | None:
    kernel = _fit_kernel(parent, child)
    if kernel is None:
        return None
    axes, why = kernel
    axis = -1 - child.dims
    if parent.groups == child.groups == 1:
        inputs, missing = find_input(given, parent.in_size, child.in_size)
        outputs = _choose(parent, child, wanted)
        ends = [along(outputs), along(inputs, shared=True)]
    elif parent.groups == parent.in_size and child.groups == child.in_size and child.kind == "Conv":
        inputs, missing = find_input(given, parent.in_size, child.in_size)
        each = parent.out_size // parent.in_size
        if child.out_size != each * child.in_size:
            return None
        missing = "" if missing == MISSING else missing  # it keeps units apart, so that it misses none
        outputs = inputs if each == 1 else _repeat(inputs, each)
        ends = [along(outputs), None]
    else:
        equal = (parent.groups, parent.in_size, parent.out_size) == (child.groups, child.in_size, child.out_size)
        if not equal:
            return None
        missing = "" if given.index is None else "its units are in groups, and the groups are others"
        outputs, ends = None, [None, None]
    ends = ends[::-1] if child.kind == "ConvTranspose" else ends
    return _finish(parent, child, {"weight": take([*ends, *axes])}, outputs, axis, missing or why)


def _repeat(inputs: Index | None, each: int) -> Index | None:
    """The outputs of a convolution that makes ``each`` units of one."""
    if inputs is None:
        return None
    return tuple(NEW if unit == NEW else unit * each + i for unit in inputs for i in range(each))


def _fit_kernel(parent: Layer, child: Layer) -> tuple[list[Mapping[str, Any] | None], str] | None:
    """How the kernel is laid into the child's, and why that changes the function; None if it cannot be."""
    same = parent.along("stride") == child.along("stride")
    same &= parent.settings["padding_mode"] == child.settings["padding_mode"]
    why = "" if same else "its stride or padding is another"
    before, after = parent.along("kernel_size"), child.along("kernel_size")
    if child.kind == "ConvTranspose":
        names = ("padding", "output_padding", "dilation")
        rest = all(parent.along(name) == child.along(name) for name in names)
        return ([None] * child.dims, why if rest else "its padding is another") if before == after else None
    axes: list[Mapping[str, Any] | None] = []
    for old, new in zip(before, after, strict=True):
        if (new - old) % 2:
            return None
        axes.append(_embed(old, new))
    if any(new < old for old, new in zip(before, after, strict=True)):
        return axes, "its kernel is smaller"
    for dim in range(child.dims):
        aligned = _reach(parent, dim) == _reach(child, dim)
        spaced = before[dim] == 1 or parent.along("dilation")[dim] == child.along("dilation")[dim]
        why = why if aligned and spaced else "its padding or dilation does not go with its kernel"
    return axes, why


def _embed(old: int, new: int) -> Mapping[str, Any] | None:
    """The kernel in the middle of a larger one that is 0 around it, or the middle of it."""
    if old == new:
        return None
    rim = abs(new - old) // 2
    if new < old:
        return {"index": list(range(rim, rim + new)), "scale": None}
    return {"index": [NEW] * rim + list(range(old)) + [NEW] * rim, "scale": [0.0] * rim + [1.0] * old + [0.0] * rim}


def _reach(layer: Layer, dim: int) -> float:
    """Where the middle of the kernel first lies, counted from the first entry of the input."""
    size, dilation = layer.along("kernel_size")[dim], layer.along("dilation")[dim]
    half = dilation * (size - 1) / 2
    padding = layer.settings["padding"]
    if isinstance(padding, str):
        return float(half if padding == "valid" else half - dilation * (size - 1) // 2)
    return float(half - layer.along("padding")[dim])


def _fit_norm(parent: Layer, child: Layer, given: Image) -> Fit:
    if child.kind == "PReLU" and parent.in_size == child.in_size == 1:
        return Fit({"weight": take([])}, replace(given, is_exact=True), "copied")
    inputs, why = find_input(given, parent.in_size, child.in_size)
    if child.kind in ("LayerNorm", "RMSNorm", "GroupNorm"):
        why = why or _compare_means(parent, child, inputs)
    elif why == MISSING:
        why = ""
    why = why or _compare_norms(parent, child)
    rules: dict[str, Rule] = {}
    if child.has_weight:
        rules["weight"] = take([along(inputs)]) if parent.has_weight else fill(1.0)
    if child.has_statistics and parent.has_statistics:
        rules |= {name: take([along(inputs)]) for name in ("running_mean", "running_var")}
        rules["num_batches_tracked"] = take([])
    return _finish(parent, child, rules, inputs, given.axis or _axis_of(child), why)


def _compare_means(parent: Layer, child: Layer, inputs: Index | None) -> str:
    """Why the means over units are others; empty if they are not."""
    groups = parent.settings.get("num_groups", 1), child.settings.get("num_groups", 1)
    if groups[0] != groups[1]:
        return "it has other groups"
    if inputs is None or (groups == (1, 1) and is_even(inputs, parent.in_size)):
        return ""
    return "it takes means over units that are not there equally often"


def _compare_norms(parent: Layer, child: Layer) -> str:
    """Why the function is another; empty if it is not."""
    if parent.settings.get("eps") != child.settings.get("eps"):
        return "its eps is another"
    if parent.has_statistics != child.has_statistics:
        return "only one of the two remembers means and variances"
    return "its counterpart has weights that it has not" if parent.has_weight and not child.has_weight else ""


def _axis_of(layer: Layer) -> int | None:
    """Where the units of a norm's input lie; None if it takes inputs of several ranks."""
    if layer.kind in ("BatchNorm", "InstanceNorm"):
        return -1 - layer.dims if layer.dims > 1 else None
    return -1 if layer.kind in ("LayerNorm", "RMSNorm") else None


def _choose(parent: Layer, child: Layer, wanted: Index | None) -> Index | None:
    """The units that a layer gives that can choose."""
    if wanted is not None and len(wanted) == child.out_size and max(wanted) < parent.out_size:
        return simplify(wanted, parent.out_size)
    return spread(parent.out_size, child.out_size)


def _finish(
    parent: Layer, child: Layer, rules: dict[str, Rule], outputs: Index | None, axis: int | None, why: str
) -> Fit:
    """The fit of a layer, whose bias goes as its outputs do."""
    if child.has_bias:
        rules["bias"] = take([along(outputs)]) if parent.has_bias else fill(0.0)
    elif parent.has_bias and not why:
        why = "its counterpart has a bias that it has not"
    image = Image(None, outputs, axis, parent.out_size, child.out_size, is_exact=not why)
    return Fit(rules, image, _name(parent, child, rules), why)


def _name(parent: Layer, child: Layer, rules: Mapping[str, Rule]) -> str:
    if all(rule["rule"] == "copy" for rule in rules.values()):
        return "copied"
    if child.in_size > parent.in_size or child.out_size > parent.out_size:
        return "widened"
    if child.in_size < parent.in_size or child.out_size < parent.out_size:
        return "narrowed"
    return "resized" if child.settings.get("kernel_size") != parent.settings.get("kernel_size") else "copied"
