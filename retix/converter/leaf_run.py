"""Runs of leaves during a trace: outside of it, and once for both modes where that will do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch.utils import _pytree as pytree

from retix.converter.asked import default_of, map_asked
from retix.converter.leaf import CHOICES, is_torch_layer
from retix.converter.tracer import unguarded
from retix.ir import Location
from retix.nn.pytorch import CONTAINERS
from retix.recipe import is_basic_unit


@dataclass(frozen=True, slots=True)
class LeafRun:
    """One call of a leaf during a trace.

    Attributes:
        module: The leaf.
        args: Its positional arguments, with tensors.
        kwargs: Its keyword arguments.
        results: What it returned.
        location: The user's line that called it.
        detached: Gradients were switched off.
    """

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: Any
    location: Location | None
    detached: bool


class LeafRunner:
    """Finds what leaves return.

    torch's layers run in eval mode, which changes no statistics and needs no big batch; so they return the same in a
    trace of either mode, and a later trace takes it from an earlier one. Values may have been changed in place since,
    which matters to no graph.

    Args:
        keep: Told of every parameter that a leaf may change, before it does.
        known: The runs of an earlier trace of the same module.
        computes: Whether torch's layers compute values; without, they return zeros of the right shapes.
    """

    def __init__(
        self, keep: Callable[[torch.Tensor], None], known: Sequence[LeafRun] = (), computes: bool = True
    ) -> None:
        self._keep = keep
        self._known = known
        self._computes = computes
        self._is_pure: dict[torch.nn.Module, bool] = {}

    def run(
        self,
        number: int,
        leaf: torch.nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """What a call of ``leaf`` returns.

        Args:
            number: How many runs of leaves the trace has seen before.
            leaf: The module.
            forward: Its own forward.
            args: Positional arguments.
            kwargs: Keyword arguments.
        """
        if leaf not in self._is_pure:
            self._is_pure[leaf] = _is_pure(leaf)
        if not self._is_pure[leaf]:
            return self._run_foreign(leaf, forward, args, kwargs)
        if number < len(self._known) and _is_alike(self._known[number], leaf, args, kwargs):
            return self._known[number].results
        with unguarded(), _in_eval_mode(leaf):
            if not self._computes:
                try:
                    return _make_zeros(leaf, args, kwargs)
                except (NotImplementedError, RuntimeError):  # not every operator can do without data
                    pass
            return forward(*args, **kwargs)

    def _run_foreign(self, leaf: torch.nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a leaf in which there is Python that is not torch's, or which writes to its parameters."""
        for parameter in leaf.parameters():
            self._keep(parameter)
        keeps_mode = is_basic_unit(leaf) or isinstance(leaf, CHOICES)
        with unguarded(), _own_draws(), nullcontext() if keeps_mode else _in_eval_mode(leaf):
            return forward(*args, **kwargs)


def _is_pure(leaf: torch.nn.Module) -> bool:
    """Whether the leaf is torch's own through and through, and changes none of its parameters."""
    parts = list(leaf.modules())
    torchs = all(is_torch_layer(part) or type(part) in CONTAINERS for part in parts)
    return torchs and all(getattr(part, "max_norm", None) is None for part in parts)


def _is_alike(known: LeafRun, leaf: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an earlier run is one of the same leaf, with the same arguments but for the values of tensors."""
    if known.module is not leaf:
        return False
    theirs = map_asked(default_of, (known.args, known.kwargs))
    mine, theirs = (pytree.tree_flatten(given) for given in ((args, kwargs), theirs))
    return mine[1] == theirs[1] and all(map(_is_same, mine[0], theirs[0]))


def _is_same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return _layout(left) == _layout(right)
    plain = (bool, int, float, str)
    return left is right or (isinstance(left, plain) and type(left) is type(right) and left == right)


def _layout(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.dtype, tensor.device, tensor.shape, tensor.stride()


def _make_zeros(leaf: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Zeros in the shapes of what the leaf returns, which is computed without data."""

    def empty(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(tensor, device="meta")

    def zero(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device).zero_()

    device = next((item.device for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, torch.Tensor)), None)
    state = {name: empty(tensor) for name, tensor in (*leaf.named_parameters(), *leaf.named_buffers())}
    args, kwargs = pytree.tree_map_only(torch.Tensor, empty, (args, kwargs))
    return pytree.tree_map_only(torch.Tensor, zero, torch.func.functional_call(leaf, state, args, kwargs))


@contextmanager
def _in_eval_mode(leaf: torch.nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in leaf.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _own_draws() -> Iterator[None]:
    """Puts the random states back that are none of torch's: what moved them afterwards stands outside of leaves."""
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)
