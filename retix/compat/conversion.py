"""From a module to a graph and on to source, as NNI's scripts call it."""

from __future__ import annotations

from typing import Any

import torch

from retix.codegen import generate
from retix.compat.state import STATE_DICT_PY_MAPPING
from retix.converter import convert
from retix.errors import GenerationError
from retix.ir import Model


class GraphConverter:
    """Stands where NNI's scripts make a converter; retix has one, `retix.converter.convert`."""


class GraphConverterWithShape(GraphConverter):
    """NNI's converter that notes shapes; retix notes them whenever there are example inputs."""


def convert_to_graph(
    script_module: Any, module: torch.nn.Module, converter: GraphConverter | None = None, **kwargs: Any
) -> Model:
    """Capture ``module`` as a graph.

    Args:
        script_module: What TorchScript made of the module; retix captures the module itself.
        module: The base model.
        converter: It changes nothing.
        **kwargs: ``dummy_input`` (or ``example_inputs``): with them the module is traced and shapes are known, without
            them it is scripted.

    Raises:
        ConversionError: The module cannot be captured.
        TypeError: There is no such keyword argument.
    """
    inputs = kwargs.pop("dummy_input", None)
    inputs = kwargs.pop("example_inputs", None) if inputs is None else inputs
    if kwargs:
        raise TypeError(f"convert_to_graph got an unexpected keyword argument {next(iter(kwargs))!r}")
    return convert(module, inputs)


def model_to_pytorch_script(model: Model, placement: Any = None) -> str:
    """A model, all of whose choices are made, as a Python module whose class goes by the name ``_model`` too.

    Args:
        model: The model.
        placement: NNI's plan of devices for several models in one; only None is meaningful.

    Raises:
        GenerationError: A choice is still open, something has no Python form, or there is a placement.
    """
    if placement is not None:
        raise GenerationError(
            "a placement was given", why="it belongs to NNI's cross-graph optimisation", fix="leave it out"
        )
    source = generate(model)
    renamed = {name: base for name, base in source.state_names.items() if name != base}
    lines = [f"_model = {source.entry}"]
    if renamed:
        lines.append(f"_model.{STATE_DICT_PY_MAPPING} = {{")
        lines += [f'    "{name}": "{base}",' for name, base in renamed.items()]
        lines.append("}")
    return source.text + "\n\n" + "\n".join(lines) + "\n"
