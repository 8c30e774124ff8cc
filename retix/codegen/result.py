"""Results of several parts, which tracing takes apart one by one: unpacked in one step, or left together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retix.codegen.index import is_operator
from retix.ir import Call, Function, Graph, Module, Value, find_values

# What torch's layers with several results return: a name for each, as torch's documentation calls them.
_RESULTS: dict[str, tuple[Any, ...]] = {
    "torch.nn.LSTM": ("output", ("hidden", "cell")),
    "torch.nn.GRU": ("output", "hidden"),
    "torch.nn.RNN": ("output", "hidden"),
    "torch.nn.LSTMCell": ("hidden", "cell"),
    "torch.nn.MultiheadAttention": ("attn_output", "attn_weights"),
}


def join_tuples(graph: Graph, owner: Graph) -> None:
    """Leave a tuple as it is where all that happens to its parts is that they become that tuple again."""
    for whole, parts in list(_find_taken_apart(graph, owner)):
        users = list(dict.fromkeys(user for part in parts for user in part.uses))
        known = set(parts)
        joined = [
            (  # the arguments of a call are no tuple themselves
                tuple(_join(item, parts, whole) for item in user.args),
                {name: _join(item, parts, whole) for name, item in user.kwargs.items()},
            )
            for user in users
        ]
        if users and not any(value in known for value in find_values(joined)):
            for user, (args, kwargs) in zip(users, joined, strict=True):
                user.set_arguments(args, kwargs)
            for producer in dict.fromkeys(part.producer for part in parts):
                if producer is not None:
                    producer.remove()


def _find_taken_apart(graph: Graph, owner: Graph) -> Iterator[tuple[Value, list[Value]]]:
    """Yield tuples with all of their parts: those that are unpacked, and the state that an ``LSTM`` returns."""
    for node in graph.nodes:
        if is_operator(node, "python::unpack") and isinstance(node.args[0], Value):
            yield node.args[0], list(node.outputs)
        member = owner.members.get(node.op.target) if isinstance(node.op, Call) else None
        if member is None or not isinstance(member.op, Module) or len(node.outputs) != 1:
            continue
        names = _RESULTS.get(member.op.type, ())
        if len(names) > 1 and isinstance(names[1], tuple):
            yield from _find_state(graph, node.output, len(names[1]))


def _find_state(graph: Graph, result: Value, count: int) -> Iterator[tuple[Value, list[Value]]]:
    """Yield the second part of ``result`` with its own parts, each of which is read once then."""
    _read_once(graph, result)
    states = [user.output for user in result.uses if is_operator(user, "python::getitem") and user.args[1] == 1]
    for state in states:
        _read_once(graph, state)
        if _is_taken_apart(state, count):
            parts = sorted(state.uses, key=lambda user: int(user.args[1]))
            if len(parts) == count:
                yield state, [user.output for user in parts]


def _read_once(graph: Graph, value: Value) -> None:
    """Let reads of the same part be one."""
    first: dict[int, Value] = {}
    for user in value.uses:
        if is_operator(user, "python::getitem") and user.args[0] is value and isinstance(user.args[1], int):
            known = first.setdefault(user.args[1], user.output)
            if known is not user.output:
                graph.erase(user, known)


def _join(argument: Any, parts: list[Value], whole: Value) -> Any:
    """``argument`` with ``whole`` for each tuple of ``parts``."""
    if isinstance(argument, tuple) and list(map(id, argument)) == list(map(id, parts)):
        return whole
    if isinstance(argument, (tuple, list)):
        return type(argument)(_join(item, parts, whole) for item in argument)
    if isinstance(argument, dict):
        return {key: _join(item, parts, whole) for key, item in argument.items()}
    return argument


def unpack_results(graph: Graph, owner: Graph) -> None:
    """Write ``attn, _ = self.attn(…)`` where the parts of a layer's result are taken one by one."""
    for node in list(graph.nodes):
        member = owner.members.get(node.op.target) if isinstance(node.op, Call) else None
        if member is None or not isinstance(member.op, Module) or len(node.outputs) != 1:
            continue
        names = _RESULTS.get(member.op.type)
        if names is not None and _is_taken_apart(node.output, len(names)):
            made = graph.add(
                node.op,
                node.args,
                node.kwargs,
                name=node.name,
                output_names=[name if isinstance(name, str) else "state" for name in names],
                before=node,
                location=node.location,
            )
            _redirect(node.output, made.outputs)
            node.remove()
            for value, inner in zip(made.outputs, names, strict=True):
                if isinstance(inner, tuple) and _is_taken_apart(value, len(inner)):
                    _unpack(graph, value, inner)


def _is_taken_apart(value: Value, count: int) -> bool:
    return bool(value.uses) and all(
        is_operator(user, "python::getitem") and user.args[0] is value and user.args[1] in range(count)
        for user in value.uses
    )


def _redirect(value: Value, parts: tuple[Value, ...]) -> None:
    for user in value.uses:
        part = parts[user.args[1]]
        part.variable = part.variable or user.output.variable
        user.graph.erase(user, part)


def _unpack(graph: Graph, value: Value, names: tuple[str, ...]) -> None:
    first = min((user for user in value.uses), key=lambda user: [n is user for n in graph.nodes].index(True))
    made = graph.add(Function("python::unpack"), (value,), output_names=names, before=first, location=first.location)
    for user in value.uses:
        if user is not made:
            part = made.outputs[user.args[1]]
            part.variable = part.variable or user.output.variable
            graph.erase(user, part)
