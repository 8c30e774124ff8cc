"""What Python is told that wants to know more of a symbol than that it is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from retix.converter.fx.estimate import UNKNOWN, is_shape
from retix.converter.fx.kind import kind_of
from retix.converter.fx.scope import LOCATION, RANK, Node, pick, unpack
from retix.converter.fx.symbol import SymbolicValue
from retix.converter.open_call import COUNTS, refuse_count
from retix.converter.place import find_user_frame
from retix.ir import Location
from retix.space import find_expressions

if TYPE_CHECKING:
    from retix.converter.fx.tracer import ScopeTracer

_FIX = (
    "give example inputs, so that the model is traced; or convert with frontend='script', which keeps `if` and loops; "
    "or put the module into a @basic_unit"
)


class Answers:
    """Answers that hold for all inputs, or that are noted as holding for the example inputs; else a refusal.

    Args:
        tracer: Records nodes, and knows the user's line.

    Attributes:
        sizes: The user's lines where a size that only holds for the example inputs decided something.
    """

    def __init__(self, tracer: ScopeTracer) -> None:
        self._tracer = tracer
        self._estimator = tracer.estimator
        self.sizes: list[tuple[Any, Location | None]] = []

    def decide(self, symbol: SymbolicValue, what: str, convert: Callable[[Any], Any]) -> Any:
        """What a symbol is as a plain Python value.

        Raises:
            ConversionError: That depends on data, or on inputs that are not known.
        """
        known = self._estimator.find(symbol.node)
        if known is UNKNOWN or isinstance(known, torch.Tensor):
            made_of = "data" if kind_of(symbol.node) is torch.Tensor else "a size"
            raise self._tracer.refuse(
                f"the model turns {made_of} into {what}, which a graph cannot follow",
                "forward is followed once, for all inputs, so that no answer is known",
                _FIX,
            )
        value = convert(known)
        if self._estimator.is_varying(symbol.node):
            self.sizes.append((value, find_user_frame(sys._getframe(1))))
        return value

    def count(self, symbol: SymbolicValue) -> int:
        """``len(x)`` as a number."""
        length = self.measure(symbol)
        return length if isinstance(length, int) else int(self.decide(length, "a Python int", int))

    def measure(self, symbol: SymbolicValue) -> Any:
        """``len(x)``, as a symbol where it is no constant."""
        kind = kind_of(symbol.node)
        known = self._find_length(symbol.node, kind)
        if known is not None:
            return known
        if kind is torch.Tensor:
            return self._tracer.record("call_method", "size", (symbol, 0), {})
        if kind is torch.Size and is_shape(symbol.node):
            source: Any = symbol.node.args[0]
            return self._tracer.record("call_method", "dim", (SymbolicValue(source, self._tracer),), {})
        return self._tracer.record("call_function", len, (symbol,), {})

    def _find_length(self, node: Node, kind: type) -> int | None:
        """How many items there are, if that is the same for all inputs."""
        name = str(node.target if isinstance(node.target, str) else getattr(node.target, "__name__", ""))
        if name in COUNTS and next(find_expressions((node.args, dict(node.kwargs))), None) is not None:
            raise refuse_count(name, node.meta[LOCATION])
        known = self._estimator.find(node)
        if isinstance(known, (tuple, list, dict)):
            return len(known)
        return self._estimator.count_sizes(node) if kind is torch.Size else None

    def unpack(self, symbol: SymbolicValue, count: int | None) -> list[Any]:
        """The items of what a symbol stands for, of which there are ``count`` if that is known."""
        kind = kind_of(symbol.node)
        if count is None:
            count = self._count_items(symbol, kind)
        if kind is torch.Size and is_shape(symbol.node):
            source: Any = symbol.node.args[0]
            source.meta.setdefault(RANK, count)
        if kind is torch.Size or not issubclass(kind, (tuple, list)):
            items: Any = symbol
            return [items[i] for i in range(count)]
        whole = self._tracer.record("call_function", unpack, (symbol, count), {})
        location = whole.node.meta[LOCATION]
        picked = [self._tracer.add("call_function", pick, (whole.node, i), {}, location) for i in range(count)]
        return [SymbolicValue(node, self._tracer) for node in picked]

    def _count_items(self, symbol: SymbolicValue, kind: type) -> int:
        known = self._find_length(symbol.node, kind)
        if known is not None:
            return known
        if isinstance(self._estimator.find(symbol.node), torch.Tensor):
            return int(self.decide(self.measure(symbol), "a number of steps", int))
        raise self._tracer.refuse(
            "the model loops over something of which the length is not known",
            "forward is followed once, for all inputs",
            _FIX,
        )
