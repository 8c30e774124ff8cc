"""Running passes, and proving after each that the model is still one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from retix.ir.dead import remove_dead
from retix.ir.diff import Diff, diff
from retix.ir.passes.fold import fold_constants
from retix.ir.passes.merge import merge_equal

if TYPE_CHECKING:
    from retix.ir.model import Model

Pass: TypeAlias = "Callable[[Model], object]"
"""Edits a model, which computes the same afterwards; what it returns does not matter."""


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass did.

    Attributes:
        name: The pass.
        diff: What is different; empty if only dead nodes went.
        removed: The nodes that are gone, dead ones too, each with its graph.
    """

    name: str
    diff: Diff
    removed: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.diff or self.removed)


def simplify(model: Model) -> bool:
    """Fold constants, merge what is equal and remove what is dead, until nothing of that is left.

    Returns:
        Whether a constant was folded or something merged.
    """
    changed = False
    while fold_constants(model) | merge_equal(model):
        changed = True
    remove_dead(model)
    return changed


def run_passes(
    model: Model, passes: Sequence[Pass] = (fold_constants, merge_equal, remove_dead)
) -> tuple[PassReport, ...]:
    """Run passes in order, with the rules of the IR checked before the first and after each.

    Args:
        model: Is edited.
        passes: Functions that edit a model.

    Returns:
        What each did, in order.

    Raises:
        GraphError: The model breaks a rule, to begin with or after a pass; the message lists which.
    """
    model.verify()
    reports = []
    for run in passes:
        before = model.copy()
        run(model)
        model.verify()
        left = {name: {node.name for node in graph.nodes} for name, graph in model.graphs.items()}
        gone = tuple(
            (name, node.name)
            for name, graph in before.graphs.items()
            for node in graph.nodes
            if node.name not in left.get(name, ())
        )
        reports.append(PassReport(getattr(run, "__name__", str(run)), diff(before, model), gone))
    return tuple(reports)
