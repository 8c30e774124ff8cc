"""Python's calls of torch's operators, put into the order of an overload's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from retix.ir import Value

Kind = Callable[[Any], type]
"""The Python type of an argument; `torch.Tensor` for a value of which nothing else is known."""

_ALIASES = {"input": "self", "axis": "dim", "keepdims": "keepdim", "x": "self", "size": "shape", "shape": "size"}
"""Other names of parameters in Python."""

_INTEGERS = {"IntType", "SymIntType"}
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "TensorType": (torch.Tensor,),
    "FloatType": (int, float),
    "NumberType": (int, float, complex),
    "BoolType": (bool, int),
    "StringType": (str,),
    "DeviceObjType": (torch.device, str),
    "ScalarTypeType": (torch.dtype,),
    "LayoutType": (torch.layout,),
    "MemoryFormatType": (torch.memory_format,),
    **dict.fromkeys(_INTEGERS, (int,)),
}
"""What may be given for a parameter, by the kind of its type in the schema."""


def find_overload(
    packet: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], kind: Kind
) -> tuple[Any, list[Any]] | None:
    """The schema of the first overload that takes a call, and an argument for each of its parameters; or None."""
    for schema in _schemas(packet):
        given = bind_call(schema, args, kwargs, kind)
        if given is not None:
            return schema, given
    return None


def _schemas(packet: Any) -> Iterator[Any]:
    """The overloads that work on tensors and return what they compute."""
    if isinstance(packet, torch._ops.OpOverload):
        yield packet._schema
        return
    for name in packet.overloads():
        schema = getattr(packet, name)._schema
        if "Tensor" in str(schema) and not any(argument.is_out for argument in schema.arguments):
            yield schema


def bind_call(schema: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], kind: Kind) -> list[Any] | None:
    """An argument for each parameter of a schema, defaults among them, or None if the call does not fit."""
    left = list(args)
    named = dict(kwargs)
    found: list[Any] = []
    for position, parameter in enumerate(schema.arguments):
        if left and not parameter.kwarg_only:
            if _takes_rest(parameter, position, schema, left, kind):
                left = [left]
            value = left.pop(0)
        else:
            key = next((k for k in (parameter.name, *_other_names(parameter.name)) if k in named), None)
            if key is None and not parameter.has_default_value():
                return None
            if key is None:
                found.append(parameter.default_value)
                continue
            value = named.pop(key)
        value = _widen(value, parameter, kind)
        if not _fits(value, parameter.real_type, kind):
            return None
        found.append(value)
    named = {key: item for key, item in named.items() if item is not None and key not in ("out", "requires_grad")}
    return None if left or named else found


def _other_names(name: str) -> list[str]:
    return [other for other, schema_name in _ALIASES.items() if schema_name == name]


def _takes_rest(parameter: Any, position: int, schema: Any, left: list[Any], kind: Kind) -> bool:
    """Whether sizes stand in a row, as in ``x.view(2, 3)``."""
    first = next((i for i, other in enumerate(schema.arguments) if other.name != "self"), 0)
    is_sizes = position == first and parameter.real_type.kind() == "ListType" and parameter.N is None
    return is_sizes and all(kind(item) is int for item in left)


def _widen(value: Any, parameter: Any, kind: Kind) -> Any:
    """A number for a list of known length stands for that many."""
    wanted = parameter.real_type
    wanted = wanted.getElementType() if wanted.kind() == "OptionalType" else wanted
    if wanted.kind() == "ListType" and parameter.N is not None and kind(value) in (int, float):
        return [value] * parameter.N
    if wanted.kind() == "ListType" and parameter.N is not None and type(value) in (list, tuple) and len(value) == 1:
        return [value[0]] * parameter.N
    return list(value) if wanted.kind() == "ListType" and isinstance(value, tuple) else value


def _fits(value: Any, wanted: Any, kind: Kind) -> bool:
    name = wanted.kind()
    if name == "OptionalType":
        return value is None or _fits(value, wanted.getElementType(), kind)
    if name == "ListType":
        if isinstance(value, (list, tuple)):
            return all(_fits(item, wanted.getElementType(), kind) for item in value)
        return isinstance(value, Value) and issubclass(kind(value), (list, tuple))
    found = kind(value)
    if name in _INTEGERS and found is bool:
        return False
    return issubclass(found, _PLAIN.get(name, ()))
