"""A model as a module on torch's meta device: sizes without data."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from retix.codegen import generate
from retix.errors import ProfileError
from retix.ir import Model, Value, find_open


def build_on_meta(model: Model) -> torch.nn.Module:
    """The module that the generated code defines, with tensors that have sizes and no data.

    Raises:
        ProfileError: A choice is still open, or the code cannot be built without data.
        GenerationError: The model has no Python form.
    """
    _check_decided(model)
    source = generate(model)
    names: dict[str, Any] = {"__name__": "retix_profile"}
    exec(compile(source.text, f"<generated {source.entry}>", "exec"), names)  # the model's own code, as a trial runs it
    try:
        with torch.device("meta"):
            module = names[source.entry]()
    except Exception as error:
        raise _explain(f"{source.entry} cannot be built", error) from error
    assert isinstance(module, torch.nn.Module)
    return module


def run_on_meta(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
    """Run a forward for what can be seen of it.

    Raises:
        ProfileError: It fails, or needs data.
    """
    try:
        module(*inputs)
    except Exception as error:
        raise _explain(f"{type(module).__name__} cannot be run", error) from error


def make_inputs(model: Model, example_inputs: Any, batch_size: int | None) -> tuple[Any, ...]:
    """Inputs without data: of the shapes that are given, or of those that were recorded when the model was traced.

    Args:
        model: Its root says what was recorded.
        example_inputs: A tensor, or a tuple or list of positional inputs; only their shapes and dtypes are taken.
        batch_size: Replaces the first size of the first input, wherever an input begins with it; None keeps it.

    Raises:
        ProfileError: Neither tells the shape of an input.
    """
    if example_inputs is None:
        given: Any = tuple(map(_make_recorded, model.graphs[model.root_name].inputs))
    else:
        given = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)
    tensors = [item for item in pytree.tree_leaves(given) if isinstance(item, torch.Tensor) and item.dim()]
    old = tensors[0].shape[0] if tensors else 0

    def make(tensor: torch.Tensor) -> torch.Tensor:
        sizes = list(tensor.shape)
        if batch_size is not None and sizes and sizes[0] == old:
            sizes[0] = batch_size
        return torch.empty(sizes, dtype=tensor.dtype, device="meta")

    made: tuple[Any, ...] = pytree.tree_map_only(torch.Tensor, make, given)
    return made


def _make_recorded(value: Value) -> torch.Tensor:
    if value.shape is None or value.dtype is None:
        raise ProfileError(
            f"the shape of the input {value.name!r} is not known",
            why="the model was converted without example inputs, or the input is no single tensor",
            fix="give example inputs: model.summary((x, ...))",
        )
    return torch.empty(value.shape, dtype=getattr(torch, value.dtype.removeprefix("torch.")), device="meta")


def _explain(what: str, error: Exception) -> ProfileError:
    return ProfileError(
        f"{what} without data: {type(error).__name__}: {error}",
        why="it is run on torch's meta device, whose tensors have sizes and no values; or the shapes do not fit it",
        fix="give example inputs that fit; what depends on values inside of forward cannot be measured this way",
    )


def _check_decided(model: Model) -> None:
    for graph in model.graphs.values():
        for label in find_open(graph):
            raise ProfileError(
                f"the choice {label!r} is still open, so there is no one model to measure",
                where=f"graph {graph.name}",
                fix="choose first, by a mutator or a sample of the space, and measure the model that comes out",
            )
