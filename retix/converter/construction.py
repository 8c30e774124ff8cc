"""Results in classes of their own: named tuples, dataclasses, and subclasses of dicts, lists and tuples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Construction:
    """An object by the call that makes it.

    Attributes:
        target: Its class.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """

    target: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def take_apart(item: Any) -> Any:
    """``item`` with a `Construction` in place of everything that is no plain tuple, list or dict.

    What makes no such thing stays as it is.
    """
    if isinstance(item, torch.Size):
        return tuple(item)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        given = {f.name: getattr(item, f.name) for f in dataclasses.fields(item) if f.init}
        return Construction(type(item), (), {k: take_apart(v) for k, v in given.items() if v is not None})
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return Construction(type(item), (), {name: take_apart(getattr(item, name)) for name in item._fields})
    if isinstance(item, dict):
        return _wrap(item, dict, {key: take_apart(part) for key, part in item.items()})
    if isinstance(item, (list, tuple)):
        plain = list if isinstance(item, list) else tuple
        return _wrap(item, plain, plain(take_apart(part) for part in item))
    return item


def _wrap(item: Any, plain: type, parts: Any) -> Any:
    return parts if type(item) is plain else Construction(type(item), (parts,))


def map_parts(function: Callable[[Any], Any], item: Any) -> Any:
    """``item``, taken apart before, with ``function`` of everything that holds nothing, in order."""
    if isinstance(item, Construction):
        args = tuple(map_parts(function, part) for part in item.args)
        return Construction(item.target, args, {key: map_parts(function, part) for key, part in item.kwargs.items()})
    if isinstance(item, dict):
        return {key: map_parts(function, part) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return type(item)(map_parts(function, part) for part in item)
    return function(item)
