"""Calls of layer choices: candidates are called in the same way, so arguments go by position where that will do."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from retix.errors import ConversionError
from retix.ir import Location
from retix.nn.pytorch import LayerChoice


def order_arguments(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call; of a layer choice, those by keyword in their places where all candidates agree on them.

    A candidate that is captured as a graph takes positional arguments only.
    """
    if not kwargs or not isinstance(module, LayerChoice):
        return args, dict(kwargs)
    ordered = [_place(candidate, args, kwargs) for candidate in _list_candidates(module)]
    first = ordered[0]
    if first is None or any(other is None or not _is_same(first, other) for other in ordered):
        return args, dict(kwargs)
    return first, {}


def refuse_keywords(
    candidate: torch.nn.Module, full: str, kwargs: Mapping[str, Any], location: Location | None
) -> ConversionError:
    """The error for keyword arguments that have no place in all candidates."""
    cls = type(candidate).__name__
    return ConversionError(
        f"the candidate {full} ({cls}) is called with {', '.join(kwargs)} by name",
        where=location,
        why="a candidate that is captured as a graph takes positional arguments, and other candidates have them in "
        "other places",
        fix=f"give all candidates the same parameters, or decorate {cls} with @basic_unit",
    )


def _list_candidates(choice: LayerChoice) -> Iterator[torch.nn.Module]:
    """Yield the candidates, also those of choices among them."""
    for candidate in choice:
        if isinstance(candidate, LayerChoice):
            yield from _list_candidates(candidate)
        else:
            yield candidate


def _place(candidate: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """All arguments by position, up to the last one that is given, or None where that is not possible."""
    try:
        bound = inspect.signature(candidate.forward).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return None
    names = [name for name in kwargs if name in bound.arguments]
    parameters = list(bound.signature.parameters.values())
    last = max((i for i, p in enumerate(parameters) if p.name in bound.arguments), default=-1)
    wanted = parameters[: last + 1]
    if len(names) < len(kwargs) or any(p.kind is not p.POSITIONAL_OR_KEYWORD for p in wanted):
        return None
    return tuple(bound.arguments.get(p.name, p.default) for p in wanted)


def _is_same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    """Whether two candidates are given the same by position; a default that is left out has to be the same too."""
    plain = (bool, int, float, str, type(None))
    return len(left) == len(right) and all(
        a is b or (isinstance(a, plain) and type(a) is type(b) and a == b) for a, b in zip(left, right, strict=True)
    )
