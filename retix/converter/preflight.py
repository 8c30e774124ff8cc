"""Checks before anything runs."""

from __future__ import annotations

import torch

from retix.errors import ConversionError
from retix.recipe import is_basic_unit


def check_module(module: torch.nn.Module) -> None:
    """Refuse what is no module, or forgot to become one.

    Raises:
        ConversionError: ``module`` is no module, a part of it never called ``super().__init__()``, or its parameters
            do not exist yet.
    """
    if not isinstance(module, torch.nn.Module):
        what = "a class, not an instance" if isinstance(module, type) else f"{type(module).__name__}"
        raise ConversionError(f"the base model is {what}", fix="pass an instance of a torch.nn.Module, such as Net()")
    pending = [("", module)]
    while pending:
        path, part = pending.pop()
        if "_modules" not in part.__dict__:
            cls = type(part).__qualname__
            raise ConversionError(
                f"{path or 'the base model'} is a {cls} whose __init__ never called super().__init__()",
                fix=f"make super().__init__() the first line of {cls}.__init__",
            )
        if any(isinstance(p, torch.nn.parameter.UninitializedParameter) for p in part.parameters(recurse=False)):
            raise ConversionError(
                f"{path} ({type(part).__name__}) has parameters of unknown shape",
                fix="call the model once on example inputs before the search",
            )
        if not is_basic_unit(part):
            pending += [
                (f"{path}.{name}".lstrip("."), child) for name, child in part._modules.items() if child is not None
            ]
