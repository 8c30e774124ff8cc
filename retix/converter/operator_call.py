"""Calls of torch's operators as Python makes them: the overload is found by the arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.arguments import find_overload
from retix.converter.builder import GraphBuilder
from retix.converter.lower_number import calculate
from retix.converter.lower_operator import arrange
from retix.ir import Function


def call_operator(low: GraphBuilder, name: str, packet: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Add a node that applies an operator, with its arguments as the schema of the overload has them.

    Args:
        low: The graph that grows.
        name: The operator, with its namespace.
        packet: What knows its overloads.
        args: Positional arguments, as Python gives them.
        kwargs: Keyword arguments, likewise.

    Returns:
        What it returns: a value, a tuple of values, or a number where it was given numbers alone.

    Raises:
        ConversionError: There is no such overload.
    """
    short = name.split("::")[1]
    found = find_overload(packet, args, kwargs, low.kind)
    if found is None:
        number = calculate(low, short, list(args)) if not kwargs else None
        if number is None:
            given = ", ".join([low.kind(item).__name__ for item in args] + list(kwargs))
            raise low.refuse(f"{short} is called with ({given}), for which torch has no operator")
        return number
    schema, given_args = found
    positional, keywords = arrange(schema, low.complete(schema, given_args))
    made = low.graph.add(
        Function(name),
        low.settle(positional),
        low.settle(keywords),
        name=short.strip("_"),
        n_outputs=max(1, len(schema.returns)),
        location=low.location,
    )
    return made.outputs if len(schema.returns) > 1 else made.output


def find_operator(target: Any) -> tuple[str, Any]:
    """The name of an operator with its namespace, and what knows its overloads; None for the latter if it is none."""
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name), target
    if isinstance(target, torch._ops.OpOverloadPacket):
        return str(target._qualified_op_name), target
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    return f"aten::{name}", getattr(torch.ops.aten, name, None)
