"""Scripting by TorchScript: `if`, `for` and `while` stay; leaves are called, never looked into."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from retix.converter.leaf import is_leaf
from retix.converter.lower import LeafCallee
from retix.converter.place import find_user_frame
from retix.errors import ConversionError
from retix.ir import Location
from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import is_basic_unit


class ScriptFrontend:
    """Scripts a module and reads the result.

    Raises:
        ConversionError: TorchScript does not understand the model; the message carries its account of where.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._root = module
        with warnings.catch_warnings(), _ignored_leaves(module):
            warnings.simplefilter("ignore")
            try:
                self._script = torch.jit.script(module)
            except Exception as error:
                frame = find_user_frame(error.__traceback__)
                raise ConversionError(
                    f"{type(module).__name__} cannot be scripted: {error}",
                    where=str(frame) if frame else None,
                    why="without example inputs the model's Python is compiled, which knows a part of the language only",
                    fix="give example inputs, so that the model is traced; or put what fails into a @basic_unit",
                ) from error

    def graph(self, path: str, method: str) -> Any:
        """See `retix.converter.lower.Frontend`."""
        script: Any = self._script
        for name in path.split(".") if path else ():
            script = getattr(script, name)
        return script._c._get_method(method).graph

    def cell_location(self, call: int) -> Location | None:
        """See `retix.converter.lower.Frontend`."""
        return None

    def leaf_call(self, path: str, method: str) -> LeafCallee:
        """See `retix.converter.lower.Frontend`; a scripted leaf gives what it is given to its forward, in order."""
        leaf = self._root.get_submodule(path)
        count = len(inspect.signature(leaf.forward).parameters)
        tensor = torch.empty(0)
        return LeafCallee(((tensor,) * count, {}), tuple(range(count)), tensor, (0,), None)


@contextmanager
def _ignored_leaves(root: torch.nn.Module) -> Iterator[None]:
    """Hide the forward of basic units and choices from the compiler, which need not understand it."""
    hidden: list[torch.nn.Module] = []

    def visit(module: torch.nn.Module) -> None:
        if is_basic_unit(module) or isinstance(module, (LayerChoice, InputChoice)):
            module.__dict__["forward"] = torch.jit.ignore(_signature_of(module))
            hidden.append(module)
        elif not is_leaf(module):
            for child in module.children():
                visit(child)

    try:
        visit(root)
        yield
    finally:
        for module in hidden:
            module.__dict__.pop("forward", None)


def _signature_of(module: torch.nn.Module) -> Any:
    raise NotImplementedError
