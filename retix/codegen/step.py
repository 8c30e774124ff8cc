"""One node as an expression."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from retix.codegen.expression import CALL, Expression, call
from retix.codegen.imports import Imports
from retix.codegen.literal import write_literal
from retix.codegen.member import MemberNames
from retix.codegen.operator import write_operator
from retix.codegen.repetition import CONTAINER
from retix.errors import GenerationError
from retix.ir import Attribute, Call, ChooseInputs, Constant, Function, Node, Return, Value

_PLACE = re.compile("\0(\\d+)\0")


class StepWriter:
    """Writes single nodes of one class's ``forward``.

    Args:
        members: How the members are reached.
        imports: Collects what the expressions need.
    """

    def __init__(self, members: MemberNames, imports: Imports) -> None:
        self._members = members
        self._imports = imports

    def write(self, node: Node, value: Callable[[Value], Expression]) -> Expression:
        """The node as an expression in which ``value`` writes the values.

        Raises:
            GenerationError: It is an open choice, or no expression.
        """

        def render(argument: Any) -> Expression:
            return self.write_literal(argument, value)

        match node.op:
            case Call(target):
                kwargs = {name: render(item) for name, item in node.kwargs.items()}
                return call(self._members.access(target), map(render, node.args), kwargs)
            case Attribute("training"):
                return Expression("self.training", CALL)
            case Attribute(target):
                return Expression(self._members.access(target), CALL)
            case Constant() | Return():
                return render(node.args[0])
            case ChooseInputs(label):
                raise GenerationError(f"the choice {label!r} is still open", fix="make it first")
            case Function(name) if name == CONTAINER:
                return Expression(self._members.access(node.args[0]), CALL)
            case Function(name):
                return write_operator(name, render, list(node.args), node.kwargs)
        raise GenerationError(f"{node!r} cannot be an expression")

    def write_literal(self, argument: Any, value: Callable[[Value], Expression]) -> Expression:
        """A literal in which ``value`` writes the values."""
        return write_literal(argument, self._imports, value)

    def read_order(self, node: Node) -> tuple[tuple[Value, ...], int]:
        """The values that the node takes, in the order in which its text evaluates them, and the length of the rest."""
        numbers: dict[Value, int] = {}

        def mark(value: Value) -> Expression:
            return Expression(f"\0{numbers.setdefault(value, len(numbers))}\0")

        text = self.write(node, mark).text
        values = list(numbers)
        order = tuple(values[int(match[1])] for match in _PLACE.finditer(text))
        return order, len(_PLACE.sub("", text))
