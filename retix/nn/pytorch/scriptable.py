"""Models with choices, handed to torch's script compiler, as NNI's scripts do before they convert a model.

What is compiled is a copy of the structure, sharing every parameter, in which each choice is what it is by default.
Torch puts what modules return from ``__prepare_scriptable__`` into the user's model, so that only the outermost may
return something else than itself.
"""

# the compiler finds out the type of a value by itself
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import sys
from typing import Any

import torch

from retix.errors import SpaceError
from retix.nn.pytorch.cell import Cell
from retix.nn.pytorch.input_choice import InputChoice
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.module import Module
from retix.nn.pytorch.nasbench101 import NasBench101Cell
from retix.nn.pytorch.repeat import Repeat
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.space import CALLED, Expression

_OUTERMOST = "call_prepare_scriptable_func"
"""The function of torch's that asks the outermost module; it calls another one that asks those inside."""


def prepare_scriptable(module: torch.nn.Module) -> torch.nn.Module:
    """What is compiled in place of a module; torch calls this as the module's ``__prepare_scriptable__``.

    Raises:
        SpaceError: Choices stand inside of a model whose class is torch's own, or there is a part that TorchScript
            cannot compile.
    """
    if CALLED.get() is not None or not _holds_choice(module):  # retix's own capture has stand-ins for choices
        return module
    if _is_outermost():
        return _Copier().copy(module)
    if not any(map(_is_choice, module.modules())):
        return module  # the outermost one is torch's, and compiles layers as they are
    raise SpaceError(
        f"{type(module).__name__} holds choices, and is part of a model that is to be scripted",
        where=getattr(module, "place", None),
        why="the outermost model is no retix.nn.pytorch.Module, so that it cannot be scripted without harm",
        fix="derive the model from retix.nn.pytorch.Module; or convert it without scripting it first",
    )


def prepare_layer(layer: torch.nn.Module) -> torch.nn.Module:
    """What is compiled in place of a recorded layer: one of torch's own class, whose source the compiler reads."""
    return _as_plain(layer) if _is_outermost() else layer


def install(layers: list[type]) -> None:
    """Have the base class of users' models, and recorded layers, prepare themselves."""
    Module.__prepare_scriptable__ = prepare_scriptable  # type: ignore[attr-defined]  # torch looks for it
    for layer in layers:
        layer.__prepare_scriptable__ = prepare_layer  # type: ignore[attr-defined]


def _is_outermost() -> bool:
    """Whether torch asks the module that the user hands it."""
    asking = sys._getframe(2).f_back  # this function, the method, the function that calls it, and who asks
    return asking is not None and asking.f_code.co_name == _OUTERMOST


def _is_choice(module: torch.nn.Module) -> bool:
    if isinstance(module, (LayerChoice, InputChoice, SelectInputs, Repeat)):
        return True
    return any(isinstance(value, Expression) for value in vars(module).values())


def _holds_choice(module: torch.nn.Module) -> bool:
    """Whether anything inside cannot be compiled as it is: choices, and recorded layers that overload forward."""
    return any(_is_choice(part) or isinstance(part, (torch.nn.LSTM, torch.nn.GRU)) for part in module.modules())


def _as_plain(layer: torch.nn.Module) -> torch.nn.Module:
    """The layer as an instance of torch's own class, sharing what it holds."""
    cls: Any = type(layer).__bases__[0]
    plain: torch.nn.Module = cls.__new__(cls)
    vars(plain).update({k: v for k, v in vars(layer).items() if not k.startswith("_retix")})
    return plain


class _Copier:
    def __init__(self) -> None:
        self._made: dict[int, torch.nn.Module] = {}

    def copy(self, module: torch.nn.Module) -> torch.nn.Module:
        if id(module) not in self._made:
            self._made[id(module)] = self._copy(module)
        return self._made[id(module)]

    def _copy(self, module: torch.nn.Module) -> torch.nn.Module:
        if isinstance(module, LayerChoice):
            return self.copy(module[0])
        if isinstance(module, InputChoice):
            return _take(range(module.n_chosen or 1), module.reduction)
        if isinstance(module, SelectInputs):
            held = [c.default() if isinstance(c, Expression) else c for c in module.conditions]
            return _take([i for i, holds in enumerate(held) if holds], module.reduction)
        if isinstance(module, Repeat):
            depth = module.depth_choice
            depth = depth.default() if isinstance(depth, Expression) else depth
            return torch.nn.Sequential(*map(self.copy, module.blocks[:depth])).train(module.training)
        if isinstance(module, (Cell, NasBench101Cell)):
            raise SpaceError(
                f"a {type(module).__name__} cannot be scripted",
                where=module.place,
                why="TorchScript knows no functions of any number of inputs",
                fix="convert the model with example inputs, without scripting it first",
            )
        if hasattr(module, "__prepare_scriptable__") and not isinstance(module, Module):
            return _as_plain(module)
        return self._copy_structure(module)

    def _copy_structure(self, module: torch.nn.Module) -> torch.nn.Module:
        made: torch.nn.Module = type(module).__new__(type(module))
        vars(made).update(vars(module))
        children = {name: child and self.copy(child) for name, child in module._modules.items()}
        vars(made)["_modules"] = children
        for name, value in vars(module).items():
            if isinstance(value, Expression):
                del vars(made)[name]
                children[name] = _Value(value.default())
        return made


def _take(chosen: Any, reduction: str) -> torch.nn.Module:
    return _TakeList(list(chosen)) if reduction == "none" else _Take(list(chosen), reduction)


class _Take(torch.nn.Module):
    """Chosen inputs, for the compiler."""

    def __init__(self, chosen: list[int], reduction: str) -> None:
        super().__init__()
        self.chosen = chosen
        self.is_concat = reduction == "concat"
        self.is_mean = reduction == "mean"

    def forward(self, candidate_inputs: list[torch.Tensor]) -> torch.Tensor:
        found = [candidate_inputs[index] for index in self.chosen]
        if len(found) == 1:
            return found[0]
        if self.is_concat:
            return torch.cat(found, 1)
        total = found[0]
        for index in range(1, len(found)):
            total = total + found[index]
        return total / len(found) if self.is_mean else total


class _TakeList(torch.nn.Module):
    """Chosen inputs that stay a list, for the compiler."""

    def __init__(self, chosen: list[int]) -> None:
        super().__init__()
        self.chosen = chosen

    def forward(self, candidate_inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        return [candidate_inputs[index] for index in self.chosen]


class _Value(torch.nn.Module):
    """A choice that forward calls, for the compiler."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self):
        return self.value
