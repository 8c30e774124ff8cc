"""From a user's module to the IR."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from retix.converter.capture import TraceBook
from retix.converter.choice import Choice, choose_frontend
from retix.converter.fx import capture_symbolic
from retix.converter.label_check import check_labels
from retix.converter.leaf import LeafBook
from retix.converter.lower import lower_module
from retix.converter.merge import merge_modes
from retix.converter.order import order_members
from retix.converter.preflight import check_modes, check_module
from retix.converter.preserve import Values, preserve
from retix.converter.script import ScriptFrontend, has_torchscript
from retix.converter.tie import find_ties
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError
from retix.ir import Capture, Model, remove_dead
from retix.nn.pytorch import LabelBook, constraints_of

_LOG = logging.getLogger("retix")


def convert(
    module: torch.nn.Module,
    example_inputs: Any = None,
    *,
    example_kwargs: Mapping[str, Any] | None = None,
    frontend: str | None = None,
) -> Model:
    """Capture a module as a graph in which its choices are still open.

    With example inputs the module is traced, in eval and in training mode: Python control flow that does not depend on
    data is followed, and what differs between the modes becomes `self.training`. Without them it is scripted, which
    keeps `if`, `for` and `while`; what cannot be scripted is followed with the symbols of torch.fx. `Model.capture`
    tells which of the three it was, and why. The module and the process are left as they were.

    Args:
        module: The base model; layers may come from `retix.nn.pytorch` or `torch.nn`.
        example_inputs: What ``forward`` is called with: a tensor, or a tuple or list of positional arguments.
        example_kwargs: Keyword arguments of ``forward``.
        frontend: ``trace``, ``script`` or ``fx``; None to choose.

    Raises:
        ConversionError: Something cannot be captured; the message names the user's line, why, and what to do.
        SpaceError: Choices contradict each other.
    """
    check_module(module)
    check_labels(module)
    given = None
    if example_inputs is not None or example_kwargs:
        given = _Inputs(_as_tuple(example_inputs), dict(example_kwargs or {}))
    choice = choose_frontend(frontend, has_inputs=given is not None, has_torchscript=has_torchscript())
    model = _capture(module, given, choice)
    _LOG.info("%s is %s", type(module).__name__, model.capture)
    model.ties = find_ties(module)
    model.constraints = tuple(rule.to_json() for rule in constraints_of(module))
    remove_dead(model)
    order_members(model, module)
    model.verify()
    return model


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Example inputs: what forward is called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def _as_tuple(example_inputs: Any) -> tuple[Any, ...]:
    if example_inputs is None:
        return ()
    return tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)


def _capture(module: torch.nn.Module, given: _Inputs | None, choice: Choice) -> Model:
    """Capture by the chosen front end; where that refuses, by the one that is left, if there is one."""
    try:
        return _capture_by(choice.frontend, choice.reason, module, given)
    except ConversionError as error:
        if choice.otherwise is None:
            raise
        reason = f"{choice.reason}, and {choice.frontend} refuses the model: {error.what.splitlines()[0]}"
        try:
            return _capture_by(choice.otherwise, reason, module, given)
        except ConversionError as other:
            raise _join(error, other, choice.otherwise) from other


def _join(error: ConversionError, other: ConversionError, frontend: str) -> ConversionError:
    """One error that says why neither front end took the model."""
    where = f" at {other.where}" if other.where else ""
    tried = f"by {frontend} it cannot be captured either{where}: {other.what}"
    return ConversionError(f"{error.what}\n  also:  {tried}", where=error.where, why=error.why, fix=error.fix)


def _capture_by(frontend: str, reason: str, module: torch.nn.Module, given: _Inputs | None) -> Model:
    labels, sources = LabelBook(module), SourceBook()
    with preserve(module) as values:
        model = _FRONTENDS[frontend](module, given, labels, LeafBook(labels, sources), values)
    model.sources, model.capture = sources.sources, Capture(frontend, reason)
    return model


def _capture_scripted(
    module: torch.nn.Module, given: _Inputs | None, labels: LabelBook, leaves: LeafBook, values: Values
) -> Model:
    return lower_module(module, ScriptFrontend(module), labels, leaves)


def _capture_traced(
    module: torch.nn.Module, given: _Inputs | None, labels: LabelBook, leaves: LeafBook, values: Values
) -> Model:
    if given is None:
        raise ConversionError(
            f"{type(module).__name__} cannot be traced without example inputs",
            why="a trace records what forward does with them",
            fix="give example_inputs, or choose frontend='script' or frontend='fx', which need none",
        )
    traces, models = TraceBook(values), []
    for training in (False, True):
        module.train(training)
        check_modes(module, training)
        models.append(lower_module(module, traces.capture(module, given.args, given.kwargs), labels, leaves))
    return merge_modes(*models)


def _capture_symbolic(
    module: torch.nn.Module, given: _Inputs | None, labels: LabelBook, leaves: LeafBook, values: Values
) -> Model:
    args, kwargs = (None, {}) if given is None else (given.args, given.kwargs)
    return capture_symbolic(module, args, kwargs, labels, leaves)


_FRONTENDS: Mapping[str, Callable[[torch.nn.Module, _Inputs | None, LabelBook, LeafBook, Values], Model]] = {
    "trace": _capture_traced,
    "script": _capture_scripted,
    "fx": _capture_symbolic,
}
