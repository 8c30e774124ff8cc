"""Tracing, and the proof that the batch size stays free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.converter.baked import BakedSize
from retix.converter.label import LabelBook
from retix.converter.leaf import LeafBook
from retix.converter.lower import lower_module
from retix.converter.preserve import preserve
from retix.converter.state import watch_state
from retix.converter.trace import Trace, trace
from retix.converter.trace_frontend import TraceFrontend
from retix.converter.user_source import SourceBook
from retix.errors import ConversionError


def capture_traced(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], path: str = ""
) -> TraceFrontend:
    """Trace a module in the mode that it is in.

    A trace keeps sizes that Python turned into numbers, or compared. Where it does, the module is traced once more on
    a batch of twice the size; both traces have to give the same graph.

    Args:
        module: Not a leaf.
        args: Positional example inputs.
        kwargs: Keyword example inputs.
        path: The module's path in the base model.

    Raises:
        ConversionError: It cannot be traced, or the batch size is in the graph.
    """
    with preserve(module), watch_state(module, path):  # what forward keeps for the next call is not for the next trace
        found = trace(module, args, kwargs)
    frontend = TraceFrontend(found, capture_traced)
    if found.sizes:
        _check_batch(module, args, kwargs, found)
    return frontend


def _check_batch(module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], found: Trace) -> None:
    bigger_args, bigger_kwargs = _double_batch((args, dict(kwargs)))
    try:
        with preserve(module):
            other = trace(module, bigger_args, bigger_kwargs)
    except ConversionError as error:
        if all(size.is_condition for size in found.sizes):
            return  # comparing sizes is a check of shapes as a rule, and such a model may well refuse others
        raise _refuse(
            next(size for size in found.sizes if not size.is_condition),
            f"it cannot be run on a batch of twice the size to see whether that matters: {error.what}",
        ) from error
    if _digest(module, found) != _digest(module, other):
        pairs = zip(found.sizes, other.sizes, strict=False)
        differing = next((mine for mine, theirs in pairs if mine.value != theirs.value), found.sizes[0])
        raise _refuse(differing, "the model would only take batches of the size of the example inputs")


def _double_batch(inputs: Any) -> Any:
    """The inputs, with twice the size along dimension 0 where they have the size of the first."""
    tensors = [item for item in pytree.tree_leaves(inputs) if isinstance(item, torch.Tensor) and item.dim() > 0]
    size = tensors[0].shape[0] if tensors else 0

    def double(tensor: torch.Tensor) -> torch.Tensor:
        return torch.cat([tensor, tensor]) if tensor.dim() > 0 and tensor.shape[0] == size else tensor

    return pytree.tree_map_only(torch.Tensor, double, inputs)


def _digest(module: torch.nn.Module, found: Trace) -> str:
    labels = LabelBook()
    return lower_module(module, TraceFrontend(found, capture_traced), labels, LeafBook(labels, SourceBook())).digest()


def _refuse(size: BakedSize, why: str) -> ConversionError:
    kept = "a condition on a size" if size.is_condition else f"a size as the Python number {size.value!r}"
    return ConversionError(
        f"the model uses {kept}, which the trace keeps",
        where=size.location,
        why=why,
        fix="use x.shape[0] as it is, without int(), len() or a loop over it; or x.flatten(1), x.unbind(1) and the "
        "like; or put the module into a @basic_unit",
    )
