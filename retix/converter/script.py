"""Scripting by TorchScript: `if`, `for` and `while` stay; basic units and choices are called, never looked into.

While the compiler runs, a stand-in that has the same parameters and does nothing takes the place of each basic unit and
choice. Its types are the user's annotations where there are any, and tensors otherwise.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import typing
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from retix.converter.frontend import Frontend, LeafCallee
from retix.converter.leaf import RECORDED, is_torch_layer
from retix.converter.place import find_definition, find_user_frame, read_user_frame
from retix.errors import ConversionError
from retix.ir import Location
from retix.nn.pytorch import InputChoice, LayerChoice
from retix.recipe import is_basic_unit


class ScriptFrontend:
    """Scripts a module and reads the result; see `retix.converter.frontend.Frontend`.

    Raises:
        ConversionError: TorchScript does not understand the model; the message carries its account of where.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._root = module
        with warnings.catch_warnings(), _standing_in(module):
            warnings.simplefilter("ignore")
            try:
                self._script: Any = torch.jit.script(module)
            except ConversionError:
                raise
            except Exception as error:
                raise _explain(module, error) from error

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

    def leaf_call(self, path: str, method: str, given: list[Any]) -> LeafCallee:
        """A scripted call gives every parameter in order; what only repeats a default is left out again."""
        parameters = _parameters(self._root.get_submodule(path))
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
    stand_ins: dict[int, torch.nn.Module] = {}

    def visit(owner: torch.nn.Module) -> None:
        for name, child in list(owner._modules.items()):
            if child is None:
                continue
            if _is_opaque(child) or is_torch_layer(child):
                replaced.append((owner, name, child))
                make = _make_stand_in if _is_opaque(child) else _as_plain_layer
                owner._modules[name] = stand_ins.setdefault(id(child), make(child))
            else:
                visit(child)

    try:
        visit(root)
        yield
    finally:
        for owner, name, child in replaced:
            owner._modules[name] = child
        for file in [file for file in linecache.cache if file.startswith(_STAND_IN_FILE)]:
            del linecache.cache[file]


def _is_opaque(module: torch.nn.Module) -> bool:
    return is_basic_unit(module) or isinstance(module, (LayerChoice, InputChoice))


def _as_plain_layer(layer: torch.nn.Module) -> torch.nn.Module:
    """The layer as an instance of torch's own class, whose source the compiler reads."""
    cls = type(layer)
    if cls.__module__ == RECORDED:
        (cls,) = cls.__bases__
    plain = cls.__new__(cls)
    vars(plain).update(vars(layer))
    return plain


def _parameters(module: torch.nn.Module) -> list[inspect.Parameter]:
    """What a call of the module takes, without ``self``; a choice takes what its first candidate takes."""
    if isinstance(module, LayerChoice):
        return _parameters(module[0])
    parameters = list(inspect.signature(module.forward).parameters.values())
    odd = next((p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)), None)
    if odd is not None and _is_opaque(module):
        raise ConversionError(
            f"forward of the basic unit {type(module).__name__} takes {odd}",
            where=find_definition(type(module).forward),
            why="a compiled call has a fixed number of arguments",
            fix="name the parameters, or convert with example inputs",
        )
    return parameters


def _types(module: torch.nn.Module) -> dict[str, Any]:
    """The types of parameters and of the result, as far as they are annotated."""
    if isinstance(module, LayerChoice):
        return _types(module[0])
    if isinstance(module, InputChoice):
        result = list[torch.Tensor] if module.reduction == "none" else torch.Tensor
        return {"candidate_inputs": list[torch.Tensor], "return": result}
    try:
        return typing.get_type_hints(module.forward)
    except (NameError, TypeError):  # a name that is only imported for type checkers
        return {}


_STAND_IN_FILE = "<stand-in "
_STAND_IN = """\
class StandIn(Module):
    def forward({parameters}) -> Result:
        raise RuntimeError("a stand-in")
"""


def _make_stand_in(module: torch.nn.Module) -> torch.nn.Module:
    """A module whose forward the compiler takes for that of ``module``."""
    types = _types(module)
    names: dict[str, Any] = {"Module": torch.nn.Module, "Result": types.get("return", torch.Tensor)}
    written = ["self"]
    for index, parameter in enumerate(_parameters(module)):
        names[f"T{index}"] = types.get(parameter.name, torch.Tensor)
        default = ""
        if parameter.default is not parameter.empty:
            names[f"D{index}"] = parameter.default
            default = f" = D{index}"
            if parameter.default is None and parameter.name not in types:
                names[f"T{index}"] = torch.Tensor | None
        written.append(f"{parameter.name}: T{index}{default}")
    text = _STAND_IN.format(parameters=", ".join(written))
    file = f"{_STAND_IN_FILE}{id(module)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names["__name__"] = __name__
    exec(compile(text, file, "exec"), names)  # the compiler reads source, and each signature needs its own
    made: Callable[[], torch.nn.Module] = names["StandIn"]
    return made()
