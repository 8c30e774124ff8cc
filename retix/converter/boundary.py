"""The outermost forward: what goes in and comes out, in the user's structure and as the tensors that a trace knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.construction import map_parts, take_apart
from retix.converter.place import find_definition
from retix.converter.signature import positional_names
from retix.errors import ConversionError

_PLAIN = (bool, int, float, str)


class Boundary:
    """Example inputs as a trace takes them, and what forward returned.

    The example tensors are copied: a forward that changes its input in place leaves the user's alone, and one tensor
    given twice is two inputs.

    Args:
        module: The module that is traced.
        args: Positional example inputs: tensors, also nested in lists, tuples and dicts; or None, booleans, numbers and
            strings, which are what they are in every call of the model that is captured.
        kwargs: Keyword example inputs, likewise.

    Attributes:
        names: What forward calls the inputs that the trace takes, in order.
        tensors: Those inputs.
        constants: The others: place among all inputs, name and value.
        results: What forward returned, once it has run.

    Raises:
        ConversionError: An example input holds something else than tensors.
    """

    def __init__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        names = positional_names(module.forward)
        kwargs = dict(sorted(kwargs.items(), key=lambda pair: is_plain(pair[1])))  # those with a default come last
        self._module = module
        self._keywords = tuple(kwargs)
        every = [names[i] if i < len(names) else "x" for i in range(len(args))] + list(kwargs)
        given = (*args, *kwargs.values())
        self.constants = tuple((i, every[i], item) for i, item in enumerate(given) if is_plain(item))
        self.names = tuple(name for name, item in zip(every, given, strict=True) if not is_plain(item))
        traced = tuple(item for item in given if not is_plain(item))
        for name, item in zip(self.names, traced, strict=True):
            self._check_input(name, item)
        self.tensors: tuple[Any, ...] = pytree.tree_map_only(torch.Tensor, lambda t: t.detach().clone(), traced)
        self.results: Any = None

    def _check_input(self, name: str, item: Any) -> None:
        leaves, owner = pytree.tree_leaves(item), type(self._module).__name__
        if not leaves or any(not isinstance(leaf, torch.Tensor) for leaf in leaves):
            raise ConversionError(
                f"the example input {name!r} of {owner} is {item!r}, which is more, or less, than tensors",
                why="a graph takes tensors, in tuples, lists and dicts, and next to them plain values",
                fix=f"leave {name!r} out, so that its default is used, or set it in __init__",
            )

    def wrap(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """A forward for the trace: positional inputs in, tensors out."""

        def flat(*inputs: Any) -> Any:
            given = list(inputs)
            for place, _, value in self.constants:
                given.insert(place, value)
            cut = len(given) - len(self._keywords)
            self.results = forward(*given[:cut], **dict(zip(self._keywords, given[cut:], strict=True)))
            return self._flatten_results()

        return flat

    def _flatten_results(self) -> tuple[torch.Tensor, ...]:
        tensors: list[torch.Tensor] = []

        def collect(item: Any) -> None:
            if isinstance(item, torch.Tensor):
                tensors.append(item)
            elif not is_plain(item):
                raise refuse_result(item, self._module)

        map_parts(collect, take_apart(self.results))
        if not tensors:
            raise refuse_plain_result(self.results, self._module)
        return tuple(tensors)

    def rebuild(self, values: list[Any]) -> Any:
        """``values`` in the place of the tensors that forward returned; see `retix.converter.construction`."""
        rest = iter(values)
        return map_parts(lambda item: next(rest) if isinstance(item, torch.Tensor) else item, take_apart(self.results))


def is_plain(item: Any) -> bool:
    """Whether ``item`` is what it is in every call of a captured model."""
    return item is None or isinstance(item, _PLAIN)


def refuse_result(item: Any, module: torch.nn.Module) -> ConversionError:
    """The error for a module that returns ``item`` among other things."""
    return ConversionError(
        f"{type(module).__name__} returns a {type(item).__name__}, which a graph cannot make",
        where=find_definition(type(module).forward),
        why="a graph returns tensors and plain values, in tuples, lists, dicts, named tuples and dataclasses",
        fix="return a tuple or dict",
    )


def refuse_plain_result(result: Any, module: torch.nn.Module) -> ConversionError:
    """The error for a module that returns no tensor."""
    return ConversionError(
        f"{type(module).__name__} returns {result!r}, in which there is no tensor",
        where=find_definition(type(module).forward),
        fix="let forward return what it computes",
    )
