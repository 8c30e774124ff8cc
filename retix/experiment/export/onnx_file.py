"""Models as ONNX files."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch

from retix.errors import ConfigError, UnavailableError


def write_onnx(model: torch.nn.Module, inputs: Any, path: Path) -> None:
    """Write a model by ``torch.onnx``, and have the file checked.

    Args:
        model: The model; written as it computes in eval mode.
        inputs: What it can be called with; None if that is not known.
        path: The file.

    Raises:
        ConfigError: No inputs are known, or the model has no ONNX form.
        UnavailableError: The packages are not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # torch.onnx asks for it
    except ImportError as error:
        raise UnavailableError(
            "ONNX files cannot be written", why=str(error), fix="install the extra: pip install 'retix[onnx]'"
        ) from error
    if inputs is None:
        raise ConfigError(
            "the model has no ONNX form that is known",
            why="what it can be called with was not recorded, and the exporter follows a call",
            fix="give example_inputs to the experiment, or an evaluator that knows its data",
        )
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    try:
        # The exporter reports its progress, and deprecations inside of torch, to whoever looks at the terminal.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model.eval(), arguments, str(path), dynamo=True, verbose=False, external_data=False)
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:
        path.unlink(missing_ok=True)
        raise ConfigError(
            f"the model cannot be written as ONNX: {type(error).__name__}: {str(error).strip().splitlines()[0]}",
            why="torch.onnx has no form for something in it",
            fix="export it without ONNX; model.py and model.safetensors hold the whole model",
        ) from error
