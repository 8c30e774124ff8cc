"""The outermost forward: what goes in and comes out, in the user's structure and as the tensors that a trace knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.signature import positional_names
from retix.errors import ConversionError

_PLAIN = (bool, int, float, str)


class Boundary:
    """Example inputs as a trace takes them, and what forward returned.

    The example tensors are copied: a forward that changes its input in place leaves the user's alone, and one tensor
    given twice is two inputs.

    Args:
        module: The module that is traced.
        args: Positional example inputs: tensors, also nested in lists, tuples and dicts.
        kwargs: Keyword example inputs, likewise.

    Attributes:
        names: What forward calls its inputs, in the order in which the trace takes them.
        tensors: The inputs in that order.
        results: What forward returned, once it has run.

    Raises:
        ConversionError: An example input holds something else than tensors.
    """

    def __init__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        names = positional_names(module.forward)
        self._owner = type(module).__name__
        self._keywords = tuple(kwargs)
        self.names = tuple([names[i] if i < len(names) else "x" for i in range(len(args))] + list(kwargs))
        given = (*args, *kwargs.values())
        for name, item in zip(self.names, given, strict=True):
            self._check_input(name, item)
        self.tensors: tuple[Any, ...] = pytree.tree_map_only(torch.Tensor, lambda t: t.detach().clone(), given)
        self.results: Any = None

    def _check_input(self, name: str, item: Any) -> None:
        leaves = pytree.tree_leaves(item)
        if not leaves or any(not isinstance(leaf, torch.Tensor) for leaf in leaves):
            raise ConversionError(
                f"the example input {name!r} of {self._owner} is {item!r}, which is more, or less, than tensors",
                why="a traced model takes tensors; everything else is kept as it was in the trace",
                fix=f"leave {name!r} out, so that its default is used, or set it in __init__; without example inputs "
                "the model is scripted, which takes numbers and None",
            )

    def wrap(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """A forward for the trace: positional inputs in, tensors out."""

        def flat(*inputs: Any) -> Any:
            cut = len(inputs) - len(self._keywords)
            self.results = forward(*inputs[:cut], **dict(zip(self._keywords, inputs[cut:], strict=True)))
            return self._flatten_results()

        return flat

    def _flatten_results(self) -> tuple[torch.Tensor, ...]:
        _check_result(self.results, self._owner)
        tensors = tuple(item for item in pytree.tree_leaves(self.results) if isinstance(item, torch.Tensor))
        if not tensors:
            raise ConversionError(
                f"{self._owner} returns {self.results!r}, in which there is no tensor",
                fix="let forward return what it computes",
            )
        return tensors

    def rebuild(self, values: list[Any]) -> Any:
        """``values`` in the place of the tensors that forward returned."""
        leaves, spec = pytree.tree_flatten(self.results)
        rest = iter(values)
        return pytree.tree_unflatten([next(rest) if isinstance(i, torch.Tensor) else i for i in leaves], spec)


def _check_result(item: Any, owner: str) -> None:
    if type(item) in (list, tuple, dict):
        for part in item.values() if isinstance(item, dict) else item:
            _check_result(part, owner)
    elif item is not None and not isinstance(item, (torch.Tensor, *_PLAIN)):
        raise ConversionError(
            f"{owner} returns a {type(item).__name__}, which a graph cannot make",
            why="a graph returns tensors and plain values, in tuples, lists and dicts",
            fix="return a tuple or dict",
        )
