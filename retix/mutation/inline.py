"""Choices written in the model itself, as one mutator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from retix.ir import Graph, Model, note_clean
from retix.mutation.liveness import Liveness
from retix.mutation.mutator import Answer, Mutator
from retix.mutation.open_choices import text_of
from retix.mutation.template import Template
from retix.space import Choice, Constraint, Course, Decision, Guard, find_expressions


class InlineMutator(Mutator):
    """Makes every choice that is open in the model and that its network depends on.

    A decision is asked if, and only if, the network depends on it given the answers so far: not what only a candidate
    contains that was not chosen, nor what leads to an input that nobody takes, or to a block beyond a depth. One label
    is one decision and is asked once. Decisions come in the order of forward as far as they are certain to matter;
    what matters because of an answer comes behind that answer.

    What was found out about a model is kept as long as the same graphs come again, as they do for
    each sample of a space.
    """

    looks_up_graphs: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__("inline")
        self._held: list[Plan] = []  # a list, which copies of the mutator share

    def plan(self, model: Model) -> Plan:
        """What is known about the space of ``model``.

        Raises:
            SpaceError: Two of its choices contradict each other.
            GraphError: It breaks a rule of the IR.
        """
        for plan in self._held:
            if plan.holds(model):
                return plan
        plan = Plan(model)
        self._held[:] = [plan]
        return plan

    def mutate(self, model: Model) -> None:
        plan = self.plan(model)
        course = plan.begin()
        plan.guard.check_satisfiable(course)
        while (number := min(course.open, default=plan.n_inline)) < plan.n_inline:
            course.answer(number, self._ask(plan.guard.narrow(course, number)))
        plan.build(course, model)

    def ask(self, decision: Decision) -> Choice:
        """Ask a decision that has its label already."""
        return self._ask(decision)

    def _finish(self, model: Model) -> None:
        """Nothing is left to verify or to remove: `Plan.build` did."""


class Plan:
    """A model with open choices, prepared for being built many times.

    Args:
        model: The model; it is not changed, but for its graphs being shared from now on.

    Attributes:
        liveness: Which parts and decisions matter when.
        n_inline: How many decisions the model itself has; those behind them are of extras.
        extra_labels: The decisions that extras look up.
        guard: Keeps walks within the constraints.

    Raises:
        SpaceError: Two of its choices contradict each other.
        GraphError: It breaks a rule of the IR.
    """

    def __init__(self, model: Model) -> None:
        model.verify()
        self.liveness = Liveness(model)
        self._graphs = dict(model.graphs)
        self._root_name = model.root_name
        graphs = self.liveness.model.graphs
        self._templates = {
            name: Template(graph, self.liveness) for name, graph in graphs.items() if self._is_open(name)
        }
        for template in self._templates.values():
            template.link(self._templates)
        self._below = {name: frozenset(self._find_below(name)) for name in self.liveness.closed}
        self._start = Course(self.liveness.network)
        self.n_inline = len(self.liveness.network.questions)
        self.extra_labels: tuple[str, ...] = ()
        self.guard = Guard(self.liveness.network, ())

    def add_extras(self, extras: Mapping[str, Any]) -> None:
        """Let decisions matter that values beside the network look up, each given with its name."""
        network = self.liveness.network
        for name, value in extras.items():
            for expression in find_expressions(value):
                for decision in expression.decisions():
                    network.question(decision)
                    self.liveness.note(decision.label, name)
                    self.extra_labels = tuple(dict.fromkeys((*self.extra_labels, decision.label)))
                network.need(expression, network.start, text_of)
        self._start = Course(network)

    def constrain(self, constraints: Iterable[Constraint]) -> None:
        """Keep walks within constraints from now on."""
        self.guard = Guard(self.liveness.network, tuple(constraints))

    def ask_extras(self, answered: Mapping[str, Choice], answer: Answer) -> None:
        """Ask the decisions of extras that the network has not asked."""
        if not self.extra_labels:
            return
        course = self.begin()
        while course.open:
            number = min(course.open)
            label = self.liveness.network.questions[number].decision.label
            known = label in answered
            course.answer(number, answered[label] if known else answer(self.guard.narrow(course, number)))

    def _is_open(self, name: str) -> bool:
        return name not in self.liveness.closed and name in self.liveness.inputs

    def _find_below(self, name: str) -> Iterator[str]:
        pending, seen = [name], {name}
        while pending:
            found = pending.pop()
            yield found
            fresh = [inner for inner in self.liveness.model.graphs[found].branches() if inner not in seen]
            seen.update(fresh)
            pending += fresh

    def holds(self, model: Model) -> bool:
        """Whether it was made from the graphs of ``model``."""
        graphs = self._graphs
        return (
            model.root_name == self._root_name
            and len(model.graphs) == len(graphs)
            and all(graphs.get(name) is graph and graph.frozen for name, graph in model.graphs.items())
        )

    def begin(self) -> Course:
        """A walk in which nothing is answered."""
        return self._start.copy()

    def build(self, course: Course, model: Model) -> None:
        """Let ``model`` be what the answers of a finished walk make of it; what is dead is gone, and it is verified.

        Raises:
            SpaceError: Arithmetic on choices fails.
            GraphError: A value of a choice is none that a graph can hold.
        """
        left, runs = course.left, self.liveness.runs
        made: dict[str, Graph] = {}
        unverified = False
        needed: set[str] = set()
        for name, template in self._templates.items():
            if left[runs[name]] <= 0 and template.graph.region_of is None:
                unverified |= template.build(course, self._templates, made)
        for name, below in self._below.items():
            if left[runs[name]] <= 0:
                needed |= below
        graphs = self.liveness.model.graphs
        model.graphs = {n: made.get(n, graph) for n, graph in graphs.items() if n in made or n in needed}
        for graph in model.graphs.values():
            graph.freeze()
        note_clean(model)
        if unverified:
            try:
                model.verify()
            except Exception:
                for template in self._templates.values():
                    template.forget()
                raise
