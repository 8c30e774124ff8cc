"""Tracing, and the proof that sizes stay free: the batch size always, others where the model leaves them free."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from retix.converter.baked import BakedSize
from retix.converter.leaf import LeafBook
from retix.converter.lower import lower_module
from retix.converter.preserve import Values, preserve
from retix.converter.resize import KEEP_FREE, Inputs, double_batch, find_sizes, vary_size
from retix.converter.state import Assignment, watch_state
from retix.converter.trace import Trace, trace
from retix.converter.trace_frontend import TraceFrontend
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError
from retix.nn.pytorch import LabelBook

_LOG = logging.getLogger(__name__)


class TraceBook:
    """Traces a module, in one mode and then in the other, and the candidates of its choices.

    Args:
        values: Puts back what traces change.
        checks: Whether to look for sizes that are baked in.
    """

    def __init__(self, values: Values, checks: bool = True) -> None:
        self._values = values
        self._checks = checks
        self._known: dict[str, Trace] = {}
        self._checked: dict[str, str] = {}
        self._labels = LabelBook()
        self._leaves = LeafBook(self._labels, SourceBook())  # for graphs that are compared, and thrown away

    def capture(
        self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], path: str = ""
    ) -> TraceFrontend:
        """Trace a module in the mode that it is in.

        A trace keeps sizes that Python turned into numbers, or compared. Where it does, the module is traced on other
        sizes, and the traces have to give the same graph. One that holds the batch size is refused. Other sizes may
        well be a part of the model; that they are is reported where the model itself would take others.

        Args:
            module: Not a leaf.
            args: Positional example inputs.
            kwargs: Keyword example inputs.
            path: The module's path in the base model.

        Raises:
            ConversionError: It cannot be traced, or the batch size is in the graph.
        """
        inputs = args, dict(kwargs)
        known = self._known.get(path)
        found = self._trace_again(module, inputs, path) or self._trace(module, inputs, path)
        self._known[path] = found
        if found.sizes and self._checks:
            graph = self._digest(module, found)
            if self._checked.get(path) != graph:  # mostly the graph is the same in both modes
                self._check_batch(module, inputs, found, graph)
            self._checked[path] = graph
            if known is None or known.sizes != found.sizes:
                for size in find_sizes(inputs):
                    self._check_size(module, inputs, found, graph, size)
        return TraceFrontend(found, self.capture)

    def _trace(self, module: torch.nn.Module, inputs: Inputs, path: str | None = None, **options: Any) -> Trace:
        """Trace; what forward keeps for the next call is not for the next trace."""
        with preserve(module, self._values):
            watching: AbstractContextManager[list[Assignment]]
            watching = nullcontext([]) if path is None else watch_state(module, path)
            with watching as assigned:
                found = trace(module, *inputs, self._values.keep, **options)
            if assigned and not self._comes_out_again(module, inputs, found):
                raise assigned[0].error
        return found

    def _comes_out_again(self, module: torch.nn.Module, inputs: Inputs, found: Trace) -> bool:
        """Whether another call, after what ``found`` left in the module, gives the same graph, and leaves the same."""
        try:
            with watch_state(module, "") as assigned:
                other = trace(module, *inputs, self._values.keep)
        except ConversionError:
            return False
        settled = all(assignment.is_tensor for assignment in assigned)
        return settled and self._digest(module, found) == self._digest(module, other)

    def _trace_again(self, module: torch.nn.Module, inputs: Inputs, path: str) -> Trace | None:
        """Trace with what layers returned in the trace of the other mode, if that will do."""
        if path not in self._known:
            return None
        try:
            return self._trace(module, inputs, path, like=self._known[path])
        except ConversionError:
            return None  # whatever it is, it shows again, unless it came from values of another trace

    def _check_batch(self, module: torch.nn.Module, inputs: Inputs, found: Trace, graph: str) -> None:
        bigger = double_batch(inputs)
        try:
            other = self._find_other(module, bigger, graph)
        except ConversionError as error:
            if all(size.is_condition for size in found.sizes):
                return  # comparing sizes is a check of shapes as a rule, and such a model may well refuse others
            raise _refuse(
                next(size for size in found.sizes if not size.is_condition),
                f"it cannot be run on a batch of twice the size to see whether that matters: {error.what}",
            ) from error
        if other is not None:
            differing = _find_differing(found, other)
            raise _refuse(differing, "the model would only take batches of the size of the example inputs")

    def _check_size(self, module: torch.nn.Module, inputs: Inputs, found: Trace, graph: str, size: int) -> None:
        for varied in vary_size(inputs, size):
            try:
                other = self._trace(module, varied, computes=False)
                if self._digest(module, other) != graph:
                    _LOG.warning("%s", _describe(_find_differing(found, other), module, size))
                return
            except ConversionError:
                pass  # the model takes no such size

    def _find_other(self, module: torch.nn.Module, inputs: Inputs, graph: str) -> Trace | None:
        """The trace on other inputs if its graph differs; None if it does not.

        Raises:
            ConversionError: It cannot be traced on these.
        """
        try:
            if self._digest(module, self._trace(module, inputs, computes=False)) == graph:
                return None
        except ConversionError:
            pass  # maybe for want of values
        other = self._trace(module, inputs)
        return None if self._digest(module, other) == graph else other

    def _digest(self, module: torch.nn.Module, found: Trace) -> str:
        frontend = TraceFrontend(found, TraceBook(self._values, checks=False).capture)
        return lower_module(module, frontend, self._labels, self._leaves).digest()


def _find_differing(found: Trace, other: Trace) -> BakedSize:
    pairs = zip(found.sizes, other.sizes, strict=False)
    return next((mine for mine, theirs in pairs if mine.value != theirs.value), found.sizes[0])


def _describe(baked: BakedSize, module: torch.nn.Module, size: int) -> str:
    return (
        f"{type(module).__name__} is captured for inputs of size {size}, although it takes others\n"
        f"  where: {baked.location}\n"
        f"  why:   it uses {_name(baked)}, which the trace keeps\n"
        f"  fix:   {KEEP_FREE}"
    )


def _refuse(baked: BakedSize, why: str) -> ConversionError:
    return ConversionError(
        f"the model uses {_name(baked)}, which the trace keeps", where=baked.location, why=why, fix=KEEP_FREE
    )


def _name(baked: BakedSize) -> str:
    return "a condition on a size" if baked.is_condition else f"a size as the Python number {baked.value!r}"
