"""What becomes of each tensor of a child, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from retix.errors import MutationError
from retix.mutation.inheritance.image import Index, share

VERSION = 1

Rule: TypeAlias = dict[str, Any]
"""See `InheritancePlan`."""


@dataclass(frozen=True, slots=True)
class InheritancePlan:
    """What becomes of each tensor of a child.

    The rules:

    ======================================  ==========================================================================
    ``rule: copy, from: name``              the parent's tensor
    ``rule: map, from: name, axes: [...]``  the parent's tensor, taken by ``index`` along each axis that is not null,
                                            then multiplied by ``scale`` along it; at -1 stays what the child starts
                                            with
    ``rule: identity, index: [...]``        0, but 1 in the middle of the kernel at input ``index[i]`` of output ``i``
    ``rule: fill, value: v``                one number throughout
    ``rule: initial, why: text``            what the child starts with
    ======================================  ==========================================================================

    Attributes:
        tensors: The rule of each parameter and buffer, by its name in the child's ``state_dict``.
        modules: Layers of which it is not known what they hold: the names that the child's and the parent's tensors
            begin with; those of equal name and shape are copied.
        by_name: Whether tensors without a rule are copied where the parent has one of equal name and shape.
        preserves: Whether the child, in eval mode, then computes what its parent computes.
        report: What was done, layer by layer: ``layer``, ``what`` (``copied``, ``widened``, ``narrowed``, ``resized``,
            ``identity``, ``zero``, ``initial``) and ``why``.
    """

    tensors: Mapping[str, Rule] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    by_name: bool = False
    preserves: bool = False
    report: tuple[Mapping[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "version": VERSION,
            "tensors": {name: dict(rule) for name, rule in self.tensors.items()},
            "modules": dict(self.modules),
            "by_name": self.by_name,
            "preserves": self.preserves,
            "report": [dict(entry) for entry in self.report],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The plan that `to_json` wrote.

        Raises:
            MutationError: A newer retix wrote it.
        """
        if data["version"] > VERSION:
            raise MutationError(
                f"a plan of inheritance has version {data['version']}, and this retix reads up to {VERSION}",
                fix="update retix",
            )
        return cls(data["tensors"], data["modules"], data["by_name"], data["preserves"], tuple(data["report"]))


def initial(why: str) -> Rule:
    """The child keeps what it starts with."""
    return {"rule": "initial", "why": why}


def fill(value: float) -> Rule:
    """One number throughout."""
    return {"rule": "fill", "value": value}


def identity(index: Iterable[int]) -> Rule:
    """Output ``i`` is input ``index[i]``."""
    return {"rule": "identity", "index": list(index)}


def take(axes: Sequence[Mapping[str, Any] | None]) -> Rule:
    """The parent's tensor, taken along axes; who knows its name adds ``from``."""
    if any(axis is not None for axis in axes):
        return {"rule": "map", "axes": [None if axis is None else dict(axis) for axis in axes]}
    return {"rule": "copy"}


def along(index: Index | None, *, shared: bool = False) -> Mapping[str, Any] | None:
    """How an axis is taken.

    Args:
        index: Which entries of the parent's tensor; None for all of them.
        shared: Whether the copies of one unit are to add up to it.
    """
    if index is None:
        return None
    scale = share(index) if shared else None
    return {"index": list(index), "scale": None if scale is None or set(scale) == {1.0} else scale}
