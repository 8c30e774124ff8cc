"""From a user's module to the IR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.capture import capture_traced
from retix.converter.label import LabelBook, find_labels
from retix.converter.leaf import LeafBook
from retix.converter.lower import lower_module
from retix.converter.merge import merge_modes
from retix.converter.order import order_members
from retix.converter.preflight import check_modes, check_module
from retix.converter.preserve import preserve
from retix.converter.script import ScriptFrontend
from retix.converter.tie import find_ties
from retix.converter.user_source import SourceBook
from retix.ir import Model, remove_dead


def convert(
    module: torch.nn.Module, example_inputs: Any = None, *, example_kwargs: Mapping[str, Any] | None = None
) -> Model:
    """Capture a module as a graph in which its choices are still open.

    With example inputs the module is traced, in eval and in training mode: Python control flow that does not depend on
    data is followed, and what differs between the modes becomes `self.training`. Without them it is scripted, which
    keeps `if`, `for` and `while`. The module and the process are left as they were.

    Args:
        module: The base model; layers may come from `retix.nn.pytorch` or `torch.nn`.
        example_inputs: What ``forward`` is called with: a tensor, or a tuple or list of positional arguments.
        example_kwargs: Keyword arguments of ``forward``.

    Raises:
        ConversionError: Something cannot be captured; the message names the user's line, why, and what to do.
        SpaceError: Choices contradict each other.
    """
    check_module(module)
    labels, sources = LabelBook(find_labels(module)), SourceBook()
    leaves = LeafBook(labels, sources)
    with preserve(module):
        if example_inputs is None and not example_kwargs:
            model = lower_module(module, ScriptFrontend(module), labels, leaves)
        else:
            args, kwargs = _as_tuple(example_inputs), dict(example_kwargs or {})
            model = merge_modes(*(_trace_mode(module, args, kwargs, mode, labels, leaves) for mode in (False, True)))
    model.sources = sources.sources
    model.ties = find_ties(module)
    remove_dead(model)
    order_members(model, module)
    model.verify()
    return model


def _as_tuple(example_inputs: Any) -> tuple[Any, ...]:
    if example_inputs is None:
        return ()
    return tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)


def _trace_mode(
    module: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    training: bool,
    labels: LabelBook,
    leaves: LeafBook,
) -> Model:
    module.train(training)
    check_modes(module, training)
    return lower_module(module, capture_traced(module, args, kwargs), labels, leaves)
