"""What a child takes over from its parent's weights, planned from their graphs."""

from retix.mutation.inheritance.inherit import plan_by_names, plan_inheritance
from retix.mutation.inheritance.rule import InheritancePlan

__all__ = ["InheritancePlan", "plan_by_names", "plan_inheritance"]
