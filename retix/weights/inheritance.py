"""A child takes over its parent's weights, as a plan says that `retix.mutation.plan_inheritance` made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

from retix.errors import StoreError

VERSION = 1


@dataclass(frozen=True, slots=True)
class InheritanceReport:
    """What a child took over.

    Attributes:
        preserves: Whether the child, in eval mode, computes what its parent computed.
        parameters: How many numbers the child learns.
        inherited: How many of them come from its parent.
        counts: How many tensors follow each rule: ``copy``, ``map``, ``identity``, ``fill``, ``initial``.
        layers: What the plan did with each layer: ``layer``, ``what`` and ``why``.
        left: For each tensor that starts as it would have without a parent: why.
    """

    preserves: bool
    parameters: int
    inherited: int
    counts: Mapping[str, int]
    layers: tuple[Mapping[str, str], ...]
    left: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**asdict(self), "layers": list(self.layers)}

    def summary(self) -> str:
        """The report in one line."""
        share = self.inherited / max(1, self.parameters)
        words = {"copy": "copied", "map": "reshaped", "identity": "neutral", "fill": "filled", "initial": "initialised"}
        counts = ", ".join(f"{self.counts[rule]} {word}" for rule, word in words.items() if self.counts.get(rule))
        function = "computes what its parent did" if self.preserves else "its function is another"
        return f"{share:.0%} of the parameters ({counts or 'no'} tensors); {function}"


def apply(model: nn.Module, parent_state: Mapping[str, Tensor], plan: Mapping[str, Any]) -> InheritanceReport:
    """Overwrite the weights of a model that was just made by what it takes over from its parent.

    A rule that does not fit, because the parent's weights lack the tensor or its shape is another than the plan knew,
    leaves the tensor as it is, and the report says so. No random numbers are drawn.

    Args:
        model: The child; its parameters and buffers are changed in place, on their device.
        parent_state: The parent's ``state_dict``.
        plan: The plan in JSON values; see `retix.mutation.InheritancePlan`.

    Raises:
        StoreError: A newer retix wrote the plan.
    """
    if plan["version"] > VERSION:
        raise StoreError(
            f"a plan of inheritance has version {plan['version']}, and this retix reads up to {VERSION}",
            fix="update retix where the trials run",
        )
    taker = _Taker(parent_state)
    rules = _list_rules(model, plan)
    with torch.no_grad():
        for name, tensor in model.state_dict(keep_vars=True).items():
            if isinstance(tensor, Tensor):
                taker.take(name, tensor, rules.get(name, {"rule": "initial", "why": "the plan does not name it"}))
    return taker.report(model, plan)


class _UnfitError(Exception):
    """A rule cannot be followed; the message says why."""


class _Taker:
    """Follows rules and counts."""

    def __init__(self, parent_state: Mapping[str, Tensor]) -> None:
        self._parent_state = parent_state
        self._counts: Counter[str] = Counter()
        self._left: dict[str, str] = {}
        self._broken = False
        self._inherited: set[int] = set()

    def take(self, name: str, tensor: Tensor, rule: Mapping[str, Any]) -> None:
        """Let one tensor of the child become what its rule says."""
        try:
            found = _RULES[rule["rule"]](rule, tensor, self._parent_state)
        except _UnfitError as error:
            self._broken = True
            self._leave(name, str(error))
            return
        if found is None:
            self._leave(name, rule.get("why", ""))
            return
        if isinstance(tensor, (UninitializedParameter, UninitializedBuffer)):
            tensor.materialize(tuple(found.shape))
        tensor.copy_(found)
        self._counts[rule["rule"]] += 1
        if rule["rule"] in ("copy", "map"):
            self._inherited.add(id(tensor))

    def _leave(self, name: str, why: str) -> None:
        self._left[name] = why
        self._counts["initial"] += 1

    def report(self, model: nn.Module, plan: Mapping[str, Any]) -> InheritanceReport:
        """What was done."""
        sizes = {id(item): item.numel() for item in model.parameters() if not is_lazy(item)}
        return InheritanceReport(
            bool(plan["preserves"]) and not self._broken,
            sum(sizes.values()),
            sum(size for item, size in sizes.items() if item in self._inherited),
            dict(self._counts),
            tuple(plan["report"]),
            self._left,
        )


def _list_rules(model: nn.Module, plan: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The rule of each tensor, also of those that the plan knows by their layer, or not at all."""
    rules: dict[str, Mapping[str, Any]] = dict(plan["tensors"])
    for name in model.state_dict(keep_vars=True):
        if name in rules:
            continue
        if plan["by_name"]:
            rules[name] = {"rule": "copy", "from": name}
        owner = next((layer for layer in plan["modules"] if name.startswith(f"{layer}.")), None)
        if owner is not None:
            rules[name] = {"rule": "copy", "from": plan["modules"][owner] + name.removeprefix(owner)}
    return rules


def _find(rule: Mapping[str, Any], state: Mapping[str, Tensor]) -> Tensor:
    found = state.get(rule["from"])
    if found is None:
        raise _UnfitError(f"the parent has no tensor {rule['from']!r}")
    return found


def _copy(rule: Mapping[str, Any], tensor: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    found = _find(rule, state)
    if not is_lazy(tensor) and found.shape != tensor.shape:
        raise _UnfitError(f"its shape is {tuple(tensor.shape)}, the parent's {tuple(found.shape)}")
    return found


def _map(rule: Mapping[str, Any], tensor: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    found = _find(rule, state)
    if found.dim() != len(rule["axes"]):
        raise _UnfitError(f"the parent's tensor has {found.dim()} axes, where the plan knew of {len(rule['axes'])}")
    is_new = torch.zeros((), dtype=torch.bool)
    scales = torch.ones((), dtype=torch.float64)
    for place, axis in enumerate(rule["axes"]):
        if axis is None:
            continue
        index = torch.tensor(axis["index"])
        if len(index) == 0 or index.max() >= found.shape[place]:
            raise _UnfitError(f"the parent's tensor has {found.shape[place]} units, and the plan asks for more")
        shape = [-1 if other == place else 1 for other in range(len(rule["axes"]))]
        found = found.index_select(place, index.clamp(min=0))
        is_new = is_new | (index < 0).reshape(shape)
        if axis["scale"] is not None:
            scales = scales * torch.tensor(axis["scale"], dtype=torch.float64).reshape(shape)
    if is_lazy(tensor):
        if is_new.any():
            raise _UnfitError("it has no shape yet")
    elif found.shape != tensor.shape:
        raise _UnfitError(f"its shape is {tuple(tensor.shape)}, and the plan makes {tuple(found.shape)}")
    else:
        found = torch.where(is_new, tensor.detach().cpu().to(found.dtype), found)
    return (found * scales).to(found.dtype) if scales.dim() else found


def _identity(rule: Mapping[str, Any], tensor: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    if is_lazy(tensor) or tensor.dim() < 2 or tensor.shape[0] != len(rule["index"]):
        raise _UnfitError("it has another shape than the plan knew")
    found = torch.zeros(tensor.shape, dtype=tensor.dtype)
    middle = [torch.tensor(size // 2) for size in tensor.shape[2:]]
    found[(torch.arange(tensor.shape[0]), torch.tensor(rule["index"]), *middle)] = 1
    return found


def _fill(rule: Mapping[str, Any], tensor: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    if is_lazy(tensor):
        raise _UnfitError("it has no shape yet")
    return torch.full(tensor.shape, rule["value"], dtype=tensor.dtype)


def _initial(rule: Mapping[str, Any], tensor: Tensor, state: Mapping[str, Tensor]) -> None:
    return None


_RULES: Mapping[str, Callable[[Mapping[str, Any], Tensor, Mapping[str, Tensor]], Tensor | None]] = {
    "copy": _copy,
    "map": _map,
    "identity": _identity,
    "fill": _fill,
    "initial": _initial,
}
