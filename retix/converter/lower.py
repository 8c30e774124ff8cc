"""Lowering: TorchScript graphs, traced or scripted, into the IR. One small function per node kind, in one table."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from retix.converter import lower_call, lower_control, lower_number, lower_open, lower_operator, lower_value
from retix.converter.frontend import Frontend
from retix.converter.leaf import LeafBook
from retix.converter.lowering import Handler, lower_forward
from retix.converter.place import NameBook
from retix.converter.program import ScriptProgram
from retix.converter.share import share_parts
from retix.ir import Model
from retix.nn.pytorch import LabelBook

HANDLERS: Mapping[str, Handler] = {
    **lower_value.HANDLERS,
    **lower_call.HANDLERS,
    **lower_number.HANDLERS,
    **lower_operator.HANDLERS,
    **lower_control.HANDLERS,
    **lower_open.HANDLERS,
}
"""What lowers each kind of node. The one under ``""`` takes every operator of torch that has no other."""


def lower_module(root: torch.nn.Module, frontend: Frontend, labels: LabelBook, leaves: LeafBook) -> Model:
    """The graphs of a captured module.

    Args:
        root: The user's module.
        frontend: What was captured of it.
        labels: Names unlabelled choices.
        leaves: Writes leaves as data.

    Raises:
        ConversionError: Something in it has no form in the IR.
    """
    model = Model({}, name_root(root))
    program = ScriptProgram(
        root=root, model=model, labels=labels, leaves=leaves, names=NameBook(), frontend=frontend, handlers=HANDLERS
    )
    lower_forward(program, "")
    share_parts(model)
    return model


def name_root(root: torch.nn.Module) -> str:
    """The name of the outermost graph: its class, with an underscore behind it where a module has that path."""
    name = type(root).__name__
    paths = {path for path, _ in root.named_modules()}
    while name in paths:
        name += "_"
    return name
