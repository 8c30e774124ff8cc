"""What stands for a tensor or a number while forward is run."""

from __future__ import annotations

import dis
import operator
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Proxy

from retix.converter.fx.kind import kind_of
from retix.converter.fx.scope import map_tree

if TYPE_CHECKING:
    from retix.converter.fx.tracer import ScopeTracer


class SymbolicValue(Proxy):
    """A value of a graph of torch.fx, as the user's Python sees it.

    Beyond what torch.fx records itself: changes in place, and every conversion to a plain Python value, which is
    answered where the answer holds for all inputs, and refused with the user's line where it does not.
    """

    tracer: ScopeTracer  # torch.fx knows the base class only

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = kind_of(self.node)
        found = getattr(kind, name, None)
        if found is None and kind is torch.Tensor and self.node.op != "call_module":
            raise AttributeError(f"a tensor has no attribute {name!r}")
        if callable(found):
            return partial(self.tracer.calls.call_method, self, name)
        return self.tracer.calls.read_attribute(self, name)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.record("call_function", operator.setitem, (self, index, value), {})

    def __iter__(self) -> Iterator[Any]:
        """The items; in ``a, b = x``, the code that unpacks tells how many there are."""
        return iter(self.tracer.answers.unpack(self, _count_targets(sys._getframe(1))))

    def __len__(self) -> int:
        return self.tracer.answers.count(self)

    def __bool__(self) -> bool:
        return bool(self.tracer.answers.decide(self, "a condition", bool))

    def __int__(self) -> int:
        return int(self.tracer.answers.decide(self, "a Python int", int))

    def __index__(self) -> int:
        return int(self.tracer.answers.decide(self, "a Python int", operator.index))

    def __float__(self) -> float:
        return float(self.tracer.answers.decide(self, "a Python float", float))

    def __contains__(self, item: Any) -> bool:
        if kind_of(self.node) is torch.Tensor:
            return bool(self.tracer.answers.decide(self, "a condition", lambda known: item in known))
        return any(part is item or bool(part == item) for part in self)

    def __hash__(self) -> int:
        return id(self)


def _count_targets(frame: types.FrameType) -> int | None:
    """How many names the statement that a frame is at unpacks into, or None if it does something else."""
    code = frame.f_code.co_code
    at = frame.f_lasti
    opname = dis.opname[code[at]]
    if opname.startswith("UNPACK_SEQUENCE"):
        return int(next(i.argval for i in dis.get_instructions(frame.f_code) if i.offset == at))
    return None


def _record_in_place(name: str) -> Callable[[SymbolicValue, Any], SymbolicValue]:
    def change(self: SymbolicValue, other: Any) -> SymbolicValue:
        target = getattr(operator, f"i{name}" if kind_of(self.node) is torch.Tensor else name)
        return self.tracer.record("call_function", target, (self, other), {})

    return change


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"):
    _function = f"{_name}_" if _name in ("and", "or") else _name
    setattr(SymbolicValue, f"__i{_name}__", _record_in_place(_function))


def is_instance(item: Any, classes: Any) -> bool:
    """``isinstance``, for which a symbol is of the kind that it stands for."""
    if type(item) is not SymbolicValue:
        return isinstance(item, classes)
    return issubclass(kind_of(item.node), classes)


def count_items(item: Any) -> Any:
    """``len``, of which the answer for a symbol may be one itself."""
    if type(item) is not SymbolicValue:
        return len(item)
    return item.tracer.answers.measure(item)


def call_with_symbols(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of numbers, of which the answer for a symbol is one itself."""
    found: list[SymbolicValue] = []
    map_tree(lambda item: found.append(item) if type(item) is SymbolicValue else None, (args, kwargs))
    return found[0].tracer.record("call_function", function, args, kwargs) if found else function(*args, **kwargs)
