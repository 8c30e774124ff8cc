"""Names of local variables: a name is used again once its value is dead, as people do."""

from __future__ import annotations

import keyword
import math

from retix.codegen.index import is_operator
from retix.codegen.plan import Plan
from retix.ir import Call, Function, Graph, Node, Return, Value

# What people call results that they have no better name for.
_NOUNS = {
    **dict.fromkeys(
        ("add", "sub", "mul", "div", "matmul", "neg", "pow", "rsub", "einsum", "bmm", "relu", "cat", "stack"), "out"
    ),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_not"), "mask"),
    **dict.fromkeys(("select", "slice", "index", "getitem"), "part"),
    **dict.fromkeys(("view", "reshape", "permute", "transpose", "flatten", "expand", "contiguous", "clone"), "out"),
}

# What makes something new of several values or of a part; it does not go on under the name of its first operand.
_NEW_THINGS = ("aten::cat", "aten::stack", "aten::where", "python::getitem", "aten::chunk", "aten::split")


class Scope:
    """The local variables of one ``forward``.

    Args:
        reserved: Names that mean something else.
    """

    def __init__(self, reserved: set[str]) -> None:
        self._reserved = reserved
        self._last: dict[Value, float] = {}
        self._now: dict[Graph, int] = {}
        self._wanted: dict[Value, str] = {}
        self.holders: dict[str, Value] = {}
        self.names: dict[Value, str] = {}

    def enter(self, graph: Graph, plan: Plan) -> None:
        """Begin with a graph whose statements are planned."""
        self._now[graph] = -1
        self._last.update(plan.last)

    def move(self, graph: Graph, position: int) -> None:
        """Go on to the statement at ``position``."""
        self._now[graph] = position

    def keep(self, value: Value) -> None:
        """Keep the name of ``value`` to the end."""
        self._last[value] = math.inf

    def release(self, value: Value, plan: Plan) -> None:
        """Keep the name of ``value`` as long as its statements read it."""
        self._last[value] = plan.last.get(value, -1)

    def reserve(self, name: str) -> None:
        """Give ``name`` to no value."""
        self._reserved.add(name)

    def want(self, value: Value, name: str) -> None:
        """Let ``name`` be the first choice for ``value``."""
        self._wanted[value] = name

    def hold(self, value: Value, name: str) -> None:
        """Let ``value`` be what ``name`` stands for."""
        self.names[value] = name
        self.holders[name] = value

    def declare(self, value: Value, base: str) -> str:
        """A name for ``value``: the wanted one, ``base``, or that with a number behind it."""
        wanted = self._wanted.get(value)
        name = wanted if wanted is not None and self._is_free(wanted, value) else self.pick(value, base)
        self.hold(value, name)
        return name

    def pick(self, value: Value, base: str) -> str:
        """A free name for ``value``."""
        name, count = base, 1
        while not self._is_free(name, value):
            count += 1
            name = f"{base}{count}"
        return name

    def is_alive(self, value: Value) -> bool:
        """Whether a statement behind the present one reads ``value``."""
        return self._last.get(value, -1) > self._now.get(value.graph, -1)

    def _is_free(self, name: str, value: Value) -> bool:
        if name in self._reserved or keyword.iskeyword(name):
            return False
        holder = self.holders.get(name)
        return holder is None or holder is value or not self.is_alive(holder)


def suggest_name(value: Value, plan: Plan, scope: Scope) -> str:
    """What a person would call ``value``: as the user did, as what it is on its way to, or after what made it."""
    if value.variable is not None:
        return value.variable
    producer = value.producer
    is_named = is_operator(producer, "python::getitem") or _is_result_of_layer(producer)
    ahead = None if is_named else _name_ahead(value, plan)
    if ahead is not None:
        return ahead
    if producer is None or isinstance(producer.op, Call) or _is_result_of_layer(producer):
        return strip_number(value.name)
    order = plan.orders.get(producer, ())
    first = plan.root(order[0]) if order else None
    is_further = isinstance(producer.op, Function) and not is_operator(producer, *_NEW_THINGS)
    if first in scope.names and not scope.is_alive(first) and is_further:
        return scope.names[first]
    noun = strip_number(value.name)
    for family in ("fft_", "linalg_", "special_"):
        noun = noun.removeprefix(family)
    return _NOUNS.get(noun, noun)


def _is_result_of_layer(producer: Node | None) -> bool:
    """Whether the node's results are several results of one layer, which have names of their own."""
    if is_operator(producer, "python::unpack") and producer is not None:
        producer = producer.args[0].producer
    return producer is not None and isinstance(producer.op, Call) and len(producer.outputs) > 1


def _name_ahead(value: Value, plan: Plan) -> str | None:
    """The user's name for what becomes of ``value``, if every step on the way begins with it."""
    seen: set[Node] = set()
    while len(value.uses) == 1:
        (user,) = value.uses
        if user in seen or isinstance(user.op, Return) or len(user.outputs) != 1:
            return None
        seen.add(user)
        if plan.orders.get(user, ())[:1] != (value,) or is_operator(user, *_NEW_THINGS):
            return None
        value = user.output
        if value.variable is not None:
            return value.variable
    return None


def strip_number(name: str) -> str:
    """``x`` of ``x_1``: the number only made the name unique within the graph."""
    base = name.rstrip("0123456789")
    return base[:-1] if base.endswith("_") and len(base) > 1 and base != name else name
