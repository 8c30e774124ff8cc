"""From two graphs to a plan."""

from __future__ import annotations

from collections.abc import Mapping

from retix.ir import Model, Module, Tensor
from retix.mutation.inheritance.layer import read_layer
from retix.mutation.inheritance.names import Names
from retix.mutation.inheritance.planner import find_outcome
from retix.mutation.inheritance.program import unfold
from retix.mutation.inheritance.rule import InheritancePlan, Rule, initial
from retix.mutation.inheritance.trail import Taken


def plan_inheritance(
    parent: Model, child: Model, parent_names: Mapping[str, str], child_names: Mapping[str, str]
) -> InheritancePlan:
    """How a child takes over its parent's weights.

    The same layer: its weights. A layer with more units: copies of those of its counterpart, so that the child computes
    the same as its parent (Chen et al., Net2Net, ICLR 2016, arXiv 1511.05641), through all that keeps units apart:
    activations, norms, pooling, dropout, flattening, sums, concatenations, depthwise convolutions. A larger kernel: the
    counterpart's in its middle. A layer between, or a branch that is added: one that changes nothing, where there is
    such. Where the function has to change, by a smaller layer say, everything else is still taken over.

    Args:
        parent: The graph of the parent, all choices made.
        child: The graph of the child; both of one base model.
        parent_names: For tensors of the parent's generated model, their names in the base model, as
            ``retix.codegen.Source.state_names`` has them.
        child_names: The same for the child.

    Returns:
        The plan; see `InheritancePlan`.
    """
    outcome = find_outcome(unfold(parent), unfold(child))
    writer = _Writer(Names(parent_names), Names(child_names))
    for taken in outcome.taken.values():
        writer.write(taken)
    preserves = outcome.preserves and writer.agree(parent.ties, child_names)
    return InheritancePlan(writer.tensors, writer.modules, False, preserves, tuple(writer.report))


def plan_by_names() -> InheritancePlan:
    """For models without a graph: tensors of equal names and shapes are copied."""
    return InheritancePlan(
        by_name=True, report=({"layer": "*", "what": "copied", "why": "where name and shape agree"},)
    )


class _Writer:
    """Writes what layers take over as rules for tensors."""

    def __init__(self, parent_names: Names, child_names: Names) -> None:
        self._parent_names = parent_names
        self._child_names = child_names
        self.tensors: dict[str, Rule] = {}
        self.modules: dict[str, str] = {}
        self.report: list[dict[str, str]] = []

    def write(self, taken: Taken) -> None:
        """Write what one leaf takes over."""
        step, fit = taken.step, taken.fit
        what = fit.what if fit is not None else "copied" if taken.source is not None else "initial"
        self.report.append({"layer": ".".join(step.key), "what": what, "why": taken.why})
        rules = fit.rules if fit is not None else {}
        for item in _items_of(taken):
            name = self._child_names.find(step, item)
            if name is None:
                continue
            if fit is None and taken.source is not None:
                self.tensors[name] = self._name_source({"rule": "copy"}, taken, item)
            elif item in rules:
                self.tensors[name] = self._name_source(rules[item], taken, item)
            else:
                self.tensors[name] = initial(taken.why or "there is nothing to take over")
        if isinstance(step.op, Module) and not _items_of(taken) and taken.source is not None:
            self.modules[".".join(step.key)] = ".".join(taken.source.key)

    def _name_source(self, rule: Rule, taken: Taken, item: str) -> Rule:
        if rule["rule"] not in ("copy", "map"):
            return rule
        assert taken.source is not None, "something is taken over"
        name = self._parent_names.find(taken.source, item)
        return initial("it is not known what the parent calls it") if name is None else {**rule, "from": name}

    def agree(self, ties: tuple[tuple[str, ...], ...], child_names: Mapping[str, str]) -> bool:
        """Whether the names of one tensor have one rule; the first one's holds for all."""
        agreed = True
        for group in ties:
            names = [name for name, base in child_names.items() if base in group and name in self.tensors]
            rules = [self.tensors[name] for name in names]
            forms = [{key: value for key, value in rule.items() if key != "from"} for rule in rules]
            agreed = agreed and all(form == forms[0] for form in forms)
            for name in names[1:]:
                self.tensors[name] = rules[0]
        return agreed


def _items_of(taken: Taken) -> tuple[str, ...]:
    """The names of a leaf's tensors within it; a parameter's own is empty."""
    op = taken.step.op
    if isinstance(op, Tensor):
        return ("",)
    layer = read_layer(op)
    if layer is not None:
        return layer.state
    return op.state if isinstance(op, Module) else ()
