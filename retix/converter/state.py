"""Watches a module while it is traced: what forward does besides computing values is in no graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from retix.converter.leaf import is_leaf
from retix.converter.place import find_definition
from retix.converter.preserve import read_random_states
from retix.errors import ConversionError


@dataclass(frozen=True, slots=True)
class Assignment:
    """A plain attribute that forward assigned.

    Attributes:
        error: What to raise if the next call is another one for that; it names the attribute.
        is_tensor: Whether there was a tensor before.
    """

    error: ConversionError
    is_tensor: bool


@contextmanager
def watch_state(module: torch.nn.Module, path: str) -> Iterator[list[Assignment]]:
    """Refuse a forward that assigns to the module's state, switches modes, or draws numbers outside of torch.

    Args:
        module: Traced within the context.
        path: Its path in the base model.

    Yields:
        On leaving the context it holds the assignments to plain attributes, which are harmless where the attribute only
            keeps what every call computes anew.

    Raises:
        ConversionError: On leaving the context, for everything else; it names the attribute and where forward begins.
    """
    assigned: list[Assignment] = []
    parts = [(f"{path}.{name}".strip("."), part) for name, part in _watched("", module)]
    before = [_read_state(part) for _, part in parts]
    random_before = read_random_states()
    yield assigned
    for (name, part), state in zip(parts, before, strict=True):
        now = _read_state(part)
        for key in [key for key, value in state.items() if not _is_equal(value, now.get(key))]:
            error = _refuse_assignment(part, name, key, find_definition(type(module).forward))
            if key == "training" or key in part._parameters or key in part._buffers:
                raise error
            assigned.append(Assignment(error, isinstance(state[key], torch.Tensor)))
    if read_random_states() != random_before:
        raise ConversionError(
            f"forward of {type(module).__name__} draws random numbers from Python or numpy",
            where=find_definition(type(module).forward),
            why="the trace keeps the number that was drawn while it ran",
            fix="draw from torch, such as torch.rand(()), or put the module into a @basic_unit",
        )


def _watched(path: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """The module and its parts, leaves included, but nothing inside of leaves."""
    yield path, module
    if not is_leaf(module):
        for name, child in module.named_children():
            yield from _watched(f"{path}.{name}".strip("."), child)


def _read_state(module: torch.nn.Module) -> dict[str, Any]:
    if is_leaf(module):
        return {"training": module.training}
    plain = {key: value for key, value in vars(module).items() if isinstance(value, (int, float, str, torch.Tensor))}
    return {**plain, **module._parameters, **module._buffers}


def _is_equal(left: Any, right: Any) -> bool:
    if left is right:
        return True
    return isinstance(left, (int, float, str)) and type(left) is type(right) and left == right


def _refuse_assignment(module: torch.nn.Module, path: str, name: str, forward: str | None) -> ConversionError:
    cls = type(module).__name__
    if name == "training":
        return ConversionError(
            f"forward switches {path or cls} ({cls}) to {'training' if module.training else 'eval'} mode",
            where=forward,
            why="a graph does not hold it",
            fix="set requires_grad, or the layer's own arguments, in __init__; or put the module into a @basic_unit",
        )
    return ConversionError(
        f"forward of {path or cls} ({cls}) assigns self.{name}",
        where=find_definition(type(module).forward),
        why="a graph computes values; only changes of a buffer in place are part of it",
        fix=f"change a buffer in place, such as self.{name}.copy_(...); or decorate {cls} with @basic_unit",
    )
