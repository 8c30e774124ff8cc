"""What takes the places of basic units and choices while the compiler runs: modules that have the same types."""

from __future__ import annotations

import inspect
import linecache
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from retix.converter.leaf import CHOICES, RECORDED
from retix.converter.place import STAND_IN, find_definition
from retix.errors import ConversionError
from retix.nn.pytorch import InputChoice, LayerChoice, Repeat, SelectInputs
from retix.recipe import is_basic_unit
from retix.space import Expression


def is_opaque(module: torch.nn.Module) -> bool:
    """Whether the compiler is not to look into a module: a basic unit or a choice."""
    return is_basic_unit(module) or isinstance(module, CHOICES)


def as_plain_layer(layer: torch.nn.Module) -> torch.nn.Module:
    """The layer as an instance of torch's own class, whose source the compiler reads."""
    cls = type(layer)
    if cls.__module__ == RECORDED:
        (cls,) = cls.__bases__
    plain = cls.__new__(cls)
    vars(plain).update(vars(layer))
    return plain


def list_parameters(module: torch.nn.Module) -> list[inspect.Parameter]:
    """What a call of the module takes, without ``self``; a choice takes what its first candidate takes."""
    if isinstance(module, LayerChoice):
        return list_parameters(module[0])
    parameters = list(inspect.signature(module.forward).parameters.values())
    odd = next((p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)), None)
    if odd is not None and is_opaque(module):
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
    if isinstance(module, (InputChoice, SelectInputs)):
        result = list[torch.Tensor] if module.reduction == "none" else torch.Tensor
        return {"candidate_inputs": list[torch.Tensor], "return": result}
    try:
        return typing.get_type_hints(module.forward)
    except (NameError, TypeError):  # a name that is only imported for type checkers
        return {}


_STAND_IN = """\
class StandIn(Module):
    def forward({parameters}) -> Result:
"""
_NO_BODY = ('raise RuntimeError("a stand-in")',)


def make_stand_in(module: torch.nn.Module) -> torch.nn.Module:
    """A module whose forward the compiler takes for that of ``module``."""
    types = _types(module)
    names: dict[str, Any] = {"Result": types.get("return", torch.Tensor)}
    written = ["self"]
    for index, parameter in enumerate(list_parameters(module)):
        names[f"T{index}"] = types.get(parameter.name, torch.Tensor)
        default = ""
        if parameter.default is not parameter.empty:
            names[f"D{index}"] = parameter.default
            default = f" = D{index}"
            if parameter.default is None and parameter.name not in types:
                names[f"T{index}"] = torch.Tensor | None
        written.append(f"{parameter.name}: T{index}{default}")
    return _compile_stand_in(str(id(module)), written, names)


def make_chain(repeat: Repeat) -> torch.nn.Module:
    """A module that does what a `Repeat` does, with the same parts, in Python that the compiler knows."""
    lines = ["x0 = x"]
    lines += [f"x{i + 1} = getattr(self, '{i}')(x{i})" for i in range(repeat.max_depth)]
    reached = ", ".join(f"x{depth}" for depth in repeat.depths)
    lines.append(f"return self.select([{reached}])" if len(repeat.depths) > 1 else f"return x{repeat.max_depth}")
    names = {"Result": torch.Tensor, "T0": torch.Tensor}
    made = _compile_stand_in(str(id(repeat)), ["self", "x: T0"], names, lines)
    made._modules = repeat._modules
    return made


def _compile_stand_in(
    key: str, written: list[str], names: dict[str, Any], body: Iterable[str] = _NO_BODY
) -> torch.nn.Module:
    lines = "".join(f"        {line}\n" for line in body)
    text = _STAND_IN.format(parameters=", ".join(written)) + lines
    file = f"{STAND_IN}{key}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names |= {"Module": torch.nn.Module, "__name__": __name__}
    exec(compile(text, file, "exec"), names)  # the compiler reads source, and each signature needs its own
    made: Callable[[], torch.nn.Module] = names["StandIn"]
    return made()


def make_answerer(expression: Expression) -> torch.nn.Module | None:
    """A module that the compiler takes for a choice: called, it returns something of the type of the candidates.

    Returns:
        None where no type of TorchScript's says what it is.
    """
    result = _type_of(expression.default())
    return None if result is None else _compile_stand_in(str(id(expression)), ["self"], {"Result": result})


def _type_of(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        items = [_type_of(item) for item in value]
        return None if None in items else tuple[tuple(items)]  # type: ignore[misc]  # types that are found as it runs
    if isinstance(value, Mapping):
        found = {_type_of(item) for item in value.values()}
        return dict[str, found.pop()] if len(found) == 1 and None not in found else None  # type: ignore[misc]  # likewise
    return type(value) if isinstance(value, (bool, int, float, str)) else None


def forget_stand_ins() -> None:
    """Take the texts of stand-ins from where the compiler read them."""
    for file in [file for file in linecache.cache if file.startswith(STAND_IN)]:
        del linecache.cache[file]
