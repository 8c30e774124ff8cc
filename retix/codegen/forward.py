"""The body of ``forward``: statements from the nodes of a graph."""

from __future__ import annotations

from typing import Any

from retix.codegen.body import Body
from retix.codegen.control import write_if, write_loop
from retix.codegen.expression import Expression
from retix.codegen.imports import Imports
from retix.codegen.index import is_operator
from retix.codegen.layout import INDENT, WIDTH
from retix.codegen.library import USUAL
from retix.codegen.literal import write_literal
from retix.codegen.member import MemberNames
from retix.codegen.plan import Plan, make_plan
from retix.codegen.python_form import write_index
from retix.codegen.scope import Scope, strip_number, suggest_name
from retix.codegen.step import StepWriter
from retix.ir import Graph, If, Loop, Model, Node, Symbol, Value

_AUGMENTED = {"aten::add_": "+=", "aten::sub_": "-=", "aten::mul_": "*=", "aten::div_": "/="}


def write_forward(graph: Graph, model: Model, members: MemberNames, imports: Imports) -> Body:
    """The signature and body of ``forward``, indented for a class."""
    body = Body()
    _note_symbols(graph, model, imports)
    writer = ForwardWriter(model, StepWriter(members, imports), Scope({*USUAL, *imports.names}), body)
    plan = make_plan(graph, writer.steps, 2)
    writer.enter(graph, plan)
    for value in graph.inputs:
        writer.scope.keep(value)  # two inputs never share a name
    parameters = [writer.scope.declare(value, value.variable or strip_number(value.name)) for value in graph.inputs]
    for index, value in enumerate(graph.inputs):
        writer.scope.release(value, plan)
        if all(later.default is not ... for later in graph.inputs[index:]):
            parameters[index] += f"={write_literal(value.default, imports)}"
    body.add(f"def forward({', '.join(['self', *parameters])}):", 1)
    writer.write(graph, 2)
    imports.note("\n".join(body.lines))
    return body


def _note_symbols(graph: Graph, model: Model, imports: Imports) -> None:
    """Import the classes that ``forward`` uses first, so that no variable gets the name of one."""
    for part in model.graphs.values():
        if part is graph or part.region_of == graph.name:
            for node in part.nodes:
                if is_operator(node, "python::call", "python::apply") and isinstance(node.args[0], Symbol):
                    imports.name(node.args[0].name)


class ForwardWriter:
    """Writes the statements of one graph and of its branches.

    Attributes:
        model: Where the branches are.
        steps: Writes single nodes.
        scope: Names values.
        body: Receives the statements.
        bound: What inputs of branches are given, and what results of branches stand for.
    """

    def __init__(self, model: Model, steps: StepWriter, scope: Scope, body: Body) -> None:
        self.model = model
        self.steps = steps
        self.scope = scope
        self.body = body
        self.bound: dict[Value, Any] = {}
        self.plans: dict[Graph, Plan] = {}

    def enter(self, graph: Graph, plan: Plan) -> None:
        """Begin with a graph."""
        self.plans[graph] = plan
        self.scope.enter(graph, plan)

    # -- expressions --------------------------------------------------------------------------------------------

    def render(self, argument: Any) -> Expression:
        """A literal with values in it."""
        return self.steps.write_literal(argument, self._render_value)

    def _render_value(self, value: Value) -> Expression:
        plan = self.plans[value.graph]
        value = plan.root(value)
        if value in self.bound:
            return self.render(self.bound[value])
        if value in plan.inlined and value.producer is not None:
            return self.steps.write(value.producer, self._render_value)
        return Expression(self.scope.names[value])

    def _write_return(self, result: Any, depth: int) -> str:
        """What is returned, without the parentheses that a tuple may do without where it fits on the line."""
        text = self.render(result).text
        while isinstance(result, Value) and result in self.bound:
            result = self.bound[result]
        bare = f"return {text[1:-1]}"
        fits = len(INDENT) * depth + len(bare) <= WIDTH
        return bare if fits and isinstance(result, tuple) and len(result) > 1 else f"return {text}"

    # -- statements ---------------------------------------------------------------------------------------------

    def write(self, graph: Graph, depth: int) -> None:
        """The statements of a graph, with its return."""
        for position, node in enumerate(self.plans[graph].statements):
            self.scope.move(graph, position)
            if isinstance(node.op, If):
                if write_if(self, node, node.op, depth):
                    return
            else:
                self.write_statement(node, depth)

    def write_statement(self, node: Node, depth: int) -> None:
        """One statement that is no ``if``."""
        place = self._find_place(node)
        if node is node.graph.result:
            self.body.add(self._write_return(node.args[0], depth), depth, place)
        elif isinstance(node.op, If):
            write_if(self, node, node.op, depth)
        elif isinstance(node.op, Loop):
            write_loop(self, node, node.op, depth)
        else:
            self.body.add(self._statement(node), depth, place)

    def _find_place(self, node: Node) -> str | None:
        """The user's line: that of the node, or of what is written into it."""
        if node.location is not None:
            return str(node.location)
        inlined = [v.producer for v in node.inputs if v in self.plans[node.graph].inlined and v.producer is not None]
        return next((place for part in inlined if (place := self._find_place(part))), None)

    def _statement(self, node: Node) -> str:
        plan = self.plans[node.graph]
        if is_operator(node, "python::raise"):
            return f"raise RuntimeError({self.render(node.args[0])})"
        if is_operator(node, "python::setitem"):
            base, index, value, *operator = node.args
            target = f"{self.render(base).within(90)}[{write_index(index, self.render)}]"
            return f"{target} {operator[0] if operator else '='} {self.render(value)}"
        if len(node.outputs) == 1 and node.output in plan.aliases:
            return self._change_in_place(node)
        text = self.steps.write(node, self._render_value).text
        if not any(value.uses for value in node.outputs):
            return text
        return f"{self._declare(node)} = {text}"

    def _change_in_place(self, node: Node) -> str:
        operator = _AUGMENTED.get(node.type)
        if operator is not None and node.output.variable is not None and len(node.args) == 2 and not node.kwargs:
            return f"{self.render(node.args[0])} {operator} {self.render(node.args[1])}"
        return self.steps.write(node, self._render_value).text

    def _declare(self, node: Node) -> str:
        """The targets of an assignment."""
        plan = self.plans[node.graph]
        targets = []
        for value in node.outputs:
            if value in plan.nested:
                targets.append(f"({self._declare(plan.nested[value])})")
            elif value.uses:
                targets.append(self.scope.declare(value, suggest_name(value, plan, self.scope)))
            else:
                targets.append("_")
        is_unpacked = is_operator(node, "python::unpack") and len(targets) == 1
        return ", ".join(targets) + ("," if is_unpacked else "")
