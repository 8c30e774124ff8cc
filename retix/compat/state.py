"""Weights of a model of the space under the names that the base model has for them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch

STATE_DICT_PY_MAPPING = "_mapping_"
"""On a generated class: for each name of its state, the base model's."""

STATE_DICT_PY_MAPPING_PARTIAL = "_retix_origin"
"""On a module that was built in the place of a choice: its path in the base model, from the place where it stands."""


@contextmanager
def original_state_dict_hooks(model: torch.nn.Module) -> Iterator[None]:
    """Have ``state_dict`` and ``load_state_dict`` of ``model`` speak the base model's names in a ``with`` block.

    ::

        with original_state_dict_hooks(model):
            model.load_state_dict(supernet.state_dict(), strict=False)  # it has more than this model

    A tensor that stands in several places of the model under one name of the base model is loaded into each.

    Args:
        model: A model of `retix.codegen.pytorch.model_to_pytorch_script`, or one that was built with fixed choices.

    Raises:
        TypeError: It is no module.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"original_state_dict_hooks takes a torch.nn.Module, not {type(model).__name__}")
    names = original_names(model)

    def before_load(_: Any, state: MutableMapping[str, Any], prefix: str, *rest: Any) -> None:
        given = {key: state.pop(key) for key in {prefix + base for base in names.values()} if key in state}
        state.update((prefix + own, given[prefix + base]) for own, base in names.items() if prefix + base in given)

    def after_read(_: Any, state: MutableMapping[str, Any], prefix: str, *rest: Any) -> None:
        read = {base: state.pop(prefix + own) for own, base in names.items() if prefix + own in state}
        state.update((prefix + base, tensor) for base, tensor in read.items())

    hooks = [
        model.register_load_state_dict_pre_hook(before_load),  # type: ignore[no-untyped-call]  # torch has no types here
        model.register_state_dict_post_hook(after_read),  # type: ignore[no-untyped-call]  # nor here
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def original_names(model: torch.nn.Module) -> dict[str, str]:
    """For each name in the state of ``model``, the base model's."""
    written: dict[str, str] | None = getattr(type(model), STATE_DICT_PY_MAPPING, None)
    if written is not None:
        return {name: written.get(name, name) for name in model.state_dict()}
    paths: dict[str, str] = {"": ""}
    for path, _ in model.named_modules(remove_duplicate=False):
        if path:
            parent, _, name = path.rpartition(".")
            paths[path] = f"{paths[parent]}{name}."
        origin = getattr(model.get_submodule(path), STATE_DICT_PY_MAPPING_PARTIAL, None)
        if origin:
            paths[path] += f"{origin}."
    return {name: paths[name.rpartition(".")[0]] + name.rpartition(".")[2] for name in model.state_dict()}
