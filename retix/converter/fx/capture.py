"""Capturing a module by torch.fx: symbolic runs in the modes that it tells apart, and their lowering."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from retix.converter.candidate import refuse_keywords
from retix.converter.fx.calls import HANDLERS
from retix.converter.fx.estimate import UNKNOWN
from retix.converter.fx.follow import follow
from retix.converter.fx.lowering import SymbolicProgram, lower_scope
from retix.converter.fx.scope import LOCATION, Node, map_tree
from retix.converter.fx.tracer import ScopeTracer
from retix.converter.leaf import LeafBook
from retix.converter.lower import name_root
from retix.converter.merge import merge_modes
from retix.converter.place import NameBook, find_definition
from retix.converter.preflight import check_modes
from retix.converter.resize import KEEP_FREE, double_batch
from retix.converter.share import share_parts
from retix.converter.state import watch_state
from retix.errors import ConversionError
from retix.ir import Location, Model
from retix.nn.pytorch import LabelBook


def capture_symbolic(
    module: torch.nn.Module,
    args: tuple[Any, ...] | None,
    kwargs: Mapping[str, Any],
    labels: LabelBook,
    leaves: LeafBook,
) -> Model:
    """Follow a module's forward with symbols, in training mode too if it asks for the mode.

    Args:
        module: Not a leaf; its mode is changed.
        args: Positional example inputs, or None: then every parameter of forward that has no default is an input.
        kwargs: Keyword example inputs.
        labels: Names unlabelled choices.
        leaves: Writes leaves as data.

    Raises:
        ConversionError: Something in it needs more than symbols, or has no form in a graph.
    """
    captures = []
    for training in (False, True):
        module.train(training)
        check_modes(module, training)
        capture = _Capture(module, args, kwargs, labels, leaves)
        captures.append(capture)
        if not capture.mode_was_read:
            return capture.model
    return merge_modes(*(capture.model for capture in captures))


class _Capture:
    """One symbolic run of a module in the mode that it is in.

    Attributes:
        model: Its graphs.
        mode_was_read: Whether it, or a candidate of its choices, asked for the mode.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        args: tuple[Any, ...] | None,
        kwargs: Mapping[str, Any],
        labels: LabelBook,
        leaves: LeafBook,
    ) -> None:
        self._module = module
        self._labels = labels
        self._leaves = leaves
        self.mode_was_read = False
        self.model = self._lower(args, kwargs)
        if args is not None and self._sizes:
            self._check_batch(args, kwargs)

    def _lower(self, args: tuple[Any, ...] | None, kwargs: Mapping[str, Any]) -> Model:
        module = self._module
        with watch_state(module, "") as assigned:
            tracer, scope = follow(module, *_make_inputs(module, args, kwargs))
        if assigned:
            raise assigned[0].error
        self._note(tracer)
        self._sizes = tracer.answers.sizes
        model = Model({}, name_root(module))
        program = SymbolicProgram(
            root=module,
            model=model,
            labels=self._labels,
            leaves=self._leaves,
            names=NameBook(),
            estimator=tracer.estimator,
            handlers=HANDLERS,
            capture=self._capture_candidate,
            has_examples=args is not None,
        )
        lower_scope(program, scope)
        share_parts(model)
        return model

    def _note(self, tracer: ScopeTracer) -> None:
        self.mode_was_read = self.mode_was_read or tracer.mode_was_read

    def _capture_candidate(self, program: SymbolicProgram, candidate: torch.nn.Module, full: str, call: Node) -> str:
        """Follow a candidate of a choice, called with what the choice is called with; returns its graph's name."""
        if call.kwargs:
            raise refuse_keywords(candidate, full, call.kwargs, call.meta[LOCATION])
        args = map_tree(lambda item: program.estimator.find(item) if isinstance(item, Node) else item, call.args)
        tracer, scope = follow(candidate, args, {})
        self._note(tracer)
        lower_scope(program.at(candidate, tracer.estimator, full), scope)
        return full

    def _check_batch(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Refuse a model that comes out otherwise for a batch of twice the size."""
        sizes, bigger = self._sizes, double_batch((args, dict(kwargs)))
        try:
            other = self._lower(*bigger)
        except ConversionError:
            return  # comparing sizes is a check of shapes as a rule, and such a model may well refuse others
        if self.model.digest() != other.digest():
            raise _refuse_size(sizes)


def _refuse_size(sizes: list[tuple[Any, Location | None]]) -> ConversionError:
    value, location = sizes[0]
    return ConversionError(
        f"the model uses a size as the Python value {value!r}, which the graph would keep",
        where=location,
        why="the model would only take batches of the size of the example inputs",
        fix=KEEP_FREE,
    )


def _make_inputs(
    module: torch.nn.Module, args: tuple[Any, ...] | None, kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What to call forward with: the examples, or `UNKNOWN` for each parameter without a default."""
    if args is not None:
        return args, dict(kwargs)
    made: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in inspect.signature(module.forward).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise ConversionError(
                f"forward of {type(module).__name__} takes {parameter}, so that its inputs are not known",
                where=find_definition(type(module).forward),
                why="without example inputs, the parameters of forward are the inputs",
                fix="name the parameters, or give example inputs",
            )
        if parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = UNKNOWN
        else:
            made.append(UNKNOWN)
    return tuple(made), named
