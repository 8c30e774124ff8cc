"""From a user's module to the IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.frontend import TraceFrontend
from retix.converter.guard import preserve
from retix.converter.label import LabelBook
from retix.converter.leaf import LeafBook, is_leaf
from retix.converter.lower import LeafCallee, Program
from retix.converter.merge import merge_modes
from retix.converter.place import NameBook
from retix.converter.preflight import check_module
from retix.converter.script import ScriptFrontend
from retix.converter.tie import find_ties
from retix.converter.trace import trace
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError
from retix.ir import Cell, MemberOp, Model, remove_dead


def convert(
    module: torch.nn.Module, example_inputs: Any = None, *, example_kwargs: Mapping[str, Any] | None = None
) -> Model:
    """Capture a module as a graph in which its choices are still open.

    With example inputs the module is traced, in eval and in training mode: Python control flow that does not depend on
    data is followed, and what differs between the modes becomes `self.training`. Without them it is scripted, which
    keeps `if`, `for` and `while`. The module and the process are left as they were.

    Args:
        module: The base model; layers may come from `retix.nn.pytorch` or `torch.nn`.
        example_inputs: What ``forward`` is called with: a tensor, or a tuple of positional arguments.
        example_kwargs: Keyword arguments of ``forward``.

    Raises:
        ConversionError: Something cannot be captured; the message names the user's line, why, and what to do.
        SpaceError: Choices contradict each other.
    """
    check_module(module)
    labels, sources = LabelBook(), SourceBook()
    leaves = LeafBook(labels, sources)
    args = _as_tuple(example_inputs)
    with preserve(module):
        if is_leaf(module):
            raise ConversionError(
                f"{type(module).__name__} is a single layer, so there is nothing in it to search",
                fix="put it into a module of your own",
            )
        if example_inputs is None and not example_kwargs:
            model = _lower(module, ScriptFrontend(module), labels, leaves)
        else:
            by_mode = []
            for training in (False, True):
                module.train(training)
                found = trace(module, args, example_kwargs or {})
                by_mode.append(_lower(module, TraceFrontend(found), labels, leaves))
            model = merge_modes(*by_mode)
    model.sources = sources.sources
    model.ties = find_ties(module)
    remove_dead(model)
    model.verify()
    return model


def _as_tuple(example_inputs: Any) -> tuple[Any, ...]:
    if isinstance(example_inputs, tuple):
        return example_inputs
    if isinstance(example_inputs, Sequence) and not isinstance(example_inputs, (str, bytes)):
        return tuple(example_inputs)
    return (example_inputs,)


def _lower(root: torch.nn.Module, frontend: Any, labels: LabelBook, leaves: LeafBook) -> Model:
    model = Model({}, type(root).__name__)
    program = Program(root, frontend, model, labels, leaves, NameBook(), _capture_candidate)
    program.lower("", "forward")
    return model


def _capture_candidate(program: Program, candidate: torch.nn.Module, path: str, callee: LeafCallee) -> MemberOp:
    """A candidate that is no leaf is captured on its own, on the inputs that its choice was called with."""
    full = program.full(path)
    args, kwargs = callee.arguments
    plain = all(isinstance(item, torch.Tensor) for item in args) and not kwargs
    if not plain:
        shape = pytree.tree_map(lambda item: type(item).__name__, (args, kwargs))
        raise ConversionError(
            f"the candidate {full} ({type(candidate).__name__}) is called with {shape}",
            where=str(callee.location) if callee.location else None,
            why="a candidate that is captured as a graph takes tensors as positional arguments",
            fix=f"decorate {type(candidate).__name__} with @basic_unit",
        )
    inner = Program(
        candidate,
        TraceFrontend(trace(candidate, args, kwargs)),
        program.model,
        program.labels,
        program.leaves,
        program.names,
        _capture_candidate,
        prefix=full,
    )
    return Cell(inner.lower("", "forward").graph.name)
