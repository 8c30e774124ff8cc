"""What a trial takes over from its parent."""

from __future__ import annotations

from retix.model_space import ModelSpace
from retix.mutation import InheritancePlan, plan_by_names, plan_inheritance
from retix.trial import Inheritance, Trial, WeightsAddress


def make_inheritance(space: ModelSpace, parent: Trial, child: Trial, weights: WeightsAddress) -> Inheritance | None:
    """What ``child`` takes over from ``parent``, planned from their graphs, or by names where there are none.

    Args:
        space: The space of both.
        parent: The trial whose weights they are: an original, not a duplicate.
        child: The trial that inherits.
        weights: Where the parent's weights lie.

    Returns:
        The plan as JSON values with what it is for; None if the child can take nothing over.

    Raises:
        RetixError: One of the two models cannot be made.
    """
    plan = _plan(space, parent, child)
    takes = plan.by_name or plan.modules or any("from" in rule for rule in plan.tensors.values())
    return Inheritance(parent.id, weights, plan.to_json()) if takes else None


def _plan(space: ModelSpace, parent: Trial, child: Trial) -> InheritancePlan:
    if space.engine == "py":
        return plan_by_names()
    names = [space.source(trial.sample).state_names for trial in (parent, child)]
    return plan_inheritance(space.build(parent.sample), space.build(child.sample), names[0], names[1])
