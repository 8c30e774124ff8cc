"""Whether two modules were made alike."""

from __future__ import annotations

import types
from typing import Any

import torch

from retix.recipe import recipe_of

_OWN = frozenset(vars(torch.nn.Module()))


def fingerprint(module: torch.nn.Module) -> list[Any]:
    """Equal for modules of the same parts, settings and shapes; what cannot be compared is like nothing else."""
    found: list[Any] = []
    for path, part in module.named_modules():
        recipe = recipe_of(part)
        settings = {k: _comparable(v) for k, v in vars(part).items() if k not in _OWN and not k.startswith("_retix")}
        arguments = None if recipe is None else (_comparable(recipe.args), _comparable(dict(recipe.kwargs)))
        tensors = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
        shapes = [(name, tuple(t.shape), t.dtype, t.requires_grad) for name, t in tensors]
        found.append((path, type(part), part.training, settings, arguments, shapes))
    return found


def _comparable(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    plain = (int, float, str, complex, type, torch.dtype, types.FunctionType, types.BuiltinFunctionType)
    return value if value is None or isinstance(value, plain) else object()
