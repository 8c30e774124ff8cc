"""Scripting by TorchScript: `if`, `for` and `while` stay; basic units and choices are called, never looked into.

While the compiler runs, a stand-in that has the same parameters and does nothing takes the place of each basic unit and
choice. Its types are the user's annotations where there are any, and tensors otherwise.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from retix.converter.asked import answering
from retix.converter.frontend import Frontend, LeafCallee, OpenCall
from retix.converter.leaf import is_torch_layer
from retix.converter.place import find_user_frame, read_user_frame
from retix.converter.stand_in import (
    as_plain_layer,
    forget_stand_ins,
    is_opaque,
    list_parameters,
    make_answerer,
    make_chain,
    make_stand_in,
)
from retix.errors import ConversionError
from retix.ir import Location
from retix.nn.pytorch import Repeat
from retix.space import Expression


class ScriptFrontend:
    """Scripts a module and reads the result; see `retix.converter.frontend.Frontend`.

    Raises:
        ConversionError: TorchScript does not understand the model; the message carries its account of where.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._root = module
        with warnings.catch_warnings(), _standing_in(module), answering(lambda: True):
            warnings.simplefilter("ignore")
            try:
                self._script: Any = torch.jit.script(make_chain(module) if isinstance(module, Repeat) else module)
            except ConversionError:
                raise
            except Exception as error:
                raise _explain(module, error) from error

    @property
    def keeps_lists(self) -> bool:
        return True

    @property
    def input_names(self) -> None:
        return None

    @property
    def constants(self) -> tuple[tuple[int, str, Any], ...]:
        return ()

    @property
    def rebuild(self) -> None:
        return None

    def graph(self, path: str, method: str) -> Any:
        script = self._script
        for name in path.split(".") if path else ():
            script = getattr(script, name)
        return script._c._get_method(method).graph

    def function_graph(self, type_name: str) -> Any:
        return find_compiled(type_name)

    def cell_location(self, call: int) -> Location | None:
        return None

    def open_call(self, call: int) -> OpenCall:
        raise NotImplementedError("the compiler sees no values of choices")

    def leaf_call(self, path: str, method: str, given: list[Any]) -> LeafCallee:
        """A scripted call gives every parameter in order; what only repeats a default is left out again."""
        parameters = list_parameters(self._root.get_submodule(path))
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter, item in zip(parameters, given, strict=True):
            if _is_default(item, parameter.default):
                continue
            if len(args) + len(kwargs) < parameters.index(parameter) or kwargs:
                kwargs[parameter.name] = item
            else:
                args.append(item)
        return LeafCallee(tuple(args), kwargs, None, None, lambda module, full: _capture(module))


def find_compiled(type_name: str) -> Any:
    """The TorchScript graph of a free function that is compiled, by the name of its type."""
    # compiled functions live in a unit that torch gives no other access to
    return torch.jit._state._python_cu.find_function(type_name).graph


def has_torchscript() -> bool:
    """Whether this torch can trace and script: torch has deprecated it, and supports it up to Python 3.13."""
    script = getattr(torch, "jit", None)
    return sys.version_info < (3, 14) and hasattr(script, "trace") and hasattr(script, "script")


def _capture(module: torch.nn.Module) -> Frontend:
    return ScriptFrontend(module)


def _is_default(item: Any, default: Any) -> bool:
    return default is not inspect.Parameter.empty and type(item) is type(default) and bool(item == default)


def _explain(module: torch.nn.Module, error: Exception) -> ConversionError:
    frame = read_user_frame(str(error)) or find_user_frame(error.__traceback__)
    return ConversionError(
        f"{type(module).__name__} cannot be scripted: {str(error).strip()}",
        where=frame,
        why="without example inputs the model's Python is compiled, which knows a part of the language only",
        fix="give example inputs, so that the model is traced; or annotate the types of parameters that are no "
        "tensors; or put what fails into a @basic_unit",
    )


@contextmanager
def _standing_in(root: torch.nn.Module) -> Iterator[None]:
    """Let stand-ins take the places of basic units and choices."""
    replaced: list[tuple[torch.nn.Module, str, torch.nn.Module]] = []
    asked: list[tuple[torch.nn.Module, str, Expression]] = []
    stand_ins: dict[int, torch.nn.Module] = {}

    def visit(owner: torch.nn.Module) -> None:
        for name, expression in [(name, item) for name, item in vars(owner).items() if isinstance(item, Expression)]:
            made = make_answerer(expression)
            if made is not None:
                asked.append((owner, name, expression))
                del vars(owner)[name]
                owner._modules[name] = made
        for name, child in list(owner._modules.items()):
            if child is None:
                continue
            if is_opaque(child) or is_torch_layer(child):
                replaced.append((owner, name, child))
                make = make_stand_in if is_opaque(child) else as_plain_layer
                owner._modules[name] = stand_ins.setdefault(id(child), make(child))
                continue
            visit(child)
            if isinstance(child, Repeat):
                replaced.append((owner, name, child))
                owner._modules[name] = stand_ins.setdefault(id(child), make_chain(child))

    try:
        visit(root)
        yield
    finally:
        for owner, name, child in reversed(replaced):
            owner._modules[name] = child
        for owner, name, expression in asked:
            del owner._modules[name]
            vars(owner)[name] = expression
        forget_stand_ins()
