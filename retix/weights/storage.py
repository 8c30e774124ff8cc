"""Trained weights as safetensors files: no code in them, and never half written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from retix.errors import StoreError


def save_weights(state_dict: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a ``state_dict`` to a safetensors file, whole or not at all.

    Tensors are moved to the CPU and made contiguous. Tensors that share memory, as tied weights do, are stored once
    under every name, so that the file loads into the same ``state_dict`` names.

    Args:
        state_dict: Tensors by name.
        path: The file; its folder must exist. A file that is already there is replaced.

    Raises:
        StoreError: An entry is no dense tensor, or the file cannot be written.
    """
    target = Path(path)
    tensors = separate_tensors(state_dict)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        save_file(tensors, temporary)
        _synchronize(temporary)
        os.replace(temporary, target)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise _unwritable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors by name that `save_weights` wrote, on the CPU.

    Raises:
        StoreError: There is no such file, or it is no safetensors file.
    """
    try:
        return dict(load_file(path))
    except FileNotFoundError as error:
        raise StoreError(
            f"there are no weights at {os.fspath(path)}",
            why="the trial failed, has not ended yet, or its weights were not kept",
            fix="choose a trial that succeeded and has its weights still, or set keep_weights higher",
        ) from error
    except (OSError, SafetensorError, ValueError) as error:
        raise StoreError(
            f"the weights at {os.fspath(path)} cannot be read: {error}",
            why="the file is damaged, or is not in the safetensors format",
            fix="train the model again, or give the file that retix wrote",
        ) from error


def separate_tensors(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors on the CPU, contiguous, no two of them in the same memory, which safetensors would refuse.

    Raises:
        StoreError: An entry is no dense tensor.
    """
    tensors: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, value in state_dict.items():
        tensor = _checked(name, value).detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        if memory in taken:
            tensor = tensor.clone()
            memory = tensor.untyped_storage().data_ptr()
        taken.add(memory)
        tensors[name] = tensor
    return tensors


def _checked(name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        kind = type(value).__name__
    elif value.is_meta or value.is_quantized or value.layout != torch.strided:
        kind = "meta tensor" if value.is_meta else "quantized tensor" if value.is_quantized else "sparse tensor"
    else:
        return value
    raise StoreError(
        f"the entry {name!r} of the state_dict cannot be saved: it is a {kind}",
        why="safetensors holds dense tensors only",
        fix="leave the entry out of the state_dict, or set keep_weights=0",
    )


def _synchronize(path: Path) -> None:
    """Wait until the file's content is on the disk, so that a crash cannot leave an empty file under its name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"the weights cannot be written to {path}: {error}",
        why="the folder does not exist, is read-only or is full, or a tensor's type has no place in safetensors",
        fix="make room or choose another folder, or set keep_weights=0",
    )
