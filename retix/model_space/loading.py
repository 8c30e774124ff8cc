"""Models built from their source, in this process."""

from __future__ import annotations

import linecache
import tempfile
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from retix.codegen import Source


def build_from_source(
    source: Source, base: torch.nn.Module | None = None, files: Mapping[str, bytes] | None = None
) -> torch.nn.Module:
    """The model that a source defines.

    Args:
        source: What a space wrote.
        base: The base model, whose weights are taken over where names and shapes agree.
        files: What the source reads beside itself.
    """
    with tempfile.TemporaryDirectory(prefix="retix-model-") as directory:
        path = Path(directory, f"{source.entry}.py")
        for name, data in (files or {}).items():
            Path(directory, name).write_bytes(data)
        # The lines stay, for tracebacks and inspect.getsource; the folder goes.
        linecache.cache[str(path)] = (len(source.text), None, source.text.splitlines(keepends=True), str(path))
        module = types.ModuleType("retix_model")
        module.__file__ = str(path)
        exec(compile(source.text, str(path), "exec"), module.__dict__)
        model: torch.nn.Module = getattr(module, source.entry)()
    if base is not None:
        _take_weights(model, source, base)
    return model


def load_source(source: Source, files: Mapping[str, bytes] | None = None) -> Callable[[], torch.nn.Module]:
    """What makes the model that a source defines, as often as it is called, without a trace of it being kept.

    Args:
        source: What a space wrote.
        files: What the source reads beside itself.
    """
    if files:
        return lambda: build_from_source(source, files=files)
    names: dict[str, Any] = {"__name__": "retix_model"}
    exec(compile(source.text, f"<generated {source.entry}>", "exec"), names)
    make: Callable[[], torch.nn.Module] = names[source.entry]
    return make


def _take_weights(model: torch.nn.Module, source: Source, base: torch.nn.Module) -> None:
    weights = base.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, tensor in model.state_dict(keep_vars=True).items():
            known = weights.get(source.state_names.get(name, ""))
            if known is not None and known.shape == tensor.shape:
                tensor.copy_(known)
