"""Every layer of `torch.nn` under the same name, remembering the arguments it was made with."""

from __future__ import annotations

import inspect
import types
from typing import Any

import torch

from retix.recipe import record
from retix.traceable import remember_arguments

# Containers hold modules that are part of the graph; they are walked through, not remembered.
CONTAINERS = (
    torch.nn.Sequential,
    torch.nn.ModuleList,
    torch.nn.ModuleDict,
    torch.nn.ParameterList,
    torch.nn.ParameterDict,
)


def public_names() -> list[str]:
    """What `torch.nn` offers: layers, functions and modules."""
    return [name for name in vars(torch.nn) if not name.startswith("_")]


def record_layers(module_name: str) -> dict[str, Any]:
    """The public names of `torch.nn`: its layers as recorded subclasses, everything else as it is.

    Args:
        module_name: Where the subclasses are to be importable from.
    """
    things = {name: getattr(torch.nn, name) for name in public_names()}
    return {name: _recorded(thing, module_name) if _is_layer(thing) else thing for name, thing in things.items()}


def is_recorded(cls: type, module_name: str) -> bool:
    """Whether it is one of the subclasses that `record_layers` made for a module."""
    return issubclass(cls, torch.nn.Module) and cls.__module__ == module_name


def _is_layer(thing: Any) -> bool:
    if not inspect.isclass(thing) or not issubclass(thing, torch.nn.Module) or issubclass(thing, CONTAINERS):
        return False
    # a deprecated class warns whoever makes a subclass of it
    return thing is not torch.nn.Module and not hasattr(thing, "__deprecated__")


def _recorded(cls: type[torch.nn.Module], module_name: str) -> type[torch.nn.Module]:
    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(__module__=module_name, __qualname__=cls.__qualname__, __doc__=cls.__doc__)
        namespace["__init__"] = record(cls.__init__, lambda: layer, by_value=True)

    layer: type[torch.nn.Module] = types.new_class(cls.__name__, (cls,), {}, fill)
    remember_arguments(layer)
    return layer
