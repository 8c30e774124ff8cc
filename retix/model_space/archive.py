"""Model spaces as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from retix.errors import RecipeError
from retix.measures import Measure
from retix.mutation import Mutator
from retix.recipe import Recipe, import_name, importable_name, recipe_of

_VALUES = 4096
"""Integers of an example input are kept up to so many; of others only shape and type."""


def write_recipe(recipe: Recipe | None, name: str) -> dict[str, Any]:
    """How to make a model again, as JSON values.

    Raises:
        RecipeError: It cannot be made again in another process from JSON alone.
    """
    if recipe is None:
        raise RecipeError(
            f"a space of {name} cannot be written as JSON",
            why=f"{name} does not remember how it was made, and without a graph nothing else tells",
            fix=f"decorate {name} with @retix.model_wrapper",
        )
    try:
        return recipe.to_json()
    except RecipeError as error:
        raise RecipeError(
            f"a space of {name} cannot be written as JSON: {error.what}",
            why=error.why,
            fix="move the class to a module of its own, and import it from there",
        ) from error


def write_mutator(mutator: Mutator) -> dict[str, Any]:
    """A mutator by its class and its attributes, as JSON values.

    Raises:
        RecipeError: Its class cannot be imported, or an attribute cannot be written.
    """
    try:
        cls = importable_name(type(mutator))
        # A recipe of a dict writes its values as those of recipes are written, nested ones too.
        kept = {name: value for name, value in vars(mutator).items() if not name.startswith("_") or value is not None}
        return {"class": cls, "attributes": Recipe(dict, (), kept).to_json()["kwargs"]}
    except RecipeError as error:
        raise RecipeError(
            f"the mutator {mutator.label!r} cannot be written as JSON: {error.what}",
            why=error.why,
            fix="define the class in a module of its own, with plain values as attributes",
        ) from error


def read_mutator(data: Mapping[str, Any]) -> Mutator:
    """The mutator that `write_mutator` wrote.

    Raises:
        RecipeError: Its class cannot be imported.
    """
    cls = import_name(data["class"])
    mutator: Mutator = cls.__new__(cls)
    vars(mutator).update(Recipe.from_json({"recipe": "builtins.dict", "args": [], "kwargs": data["attributes"]}).kwargs)
    vars(mutator).setdefault("_run", None)
    return mutator


def write_measure(measure: Measure) -> dict[str, Any]:
    """A measure of the user's as JSON values.

    Raises:
        RecipeError: Its class cannot be imported, or an argument cannot be written.
    """
    recipe = recipe_of(measure)
    try:
        if recipe is None:
            raise RecipeError("it does not remember how it was made")
        return recipe.to_json()
    except RecipeError as error:
        raise RecipeError(
            f"the measure {measure.name!r} cannot be written as JSON: {error.what}",
            why=error.why,
            fix="define its class in a module of its own, with plain values as arguments",
        ) from error


def read_measure(data: Mapping[str, Any]) -> Measure:
    """The measure that `write_measure` wrote.

    Raises:
        RecipeError: Its class cannot be imported.
    """
    measure: Measure = Recipe.from_json(data).build()
    return measure


def write_inputs(value: Any) -> Any:
    """Example inputs as JSON values.

    Raises:
        RecipeError: Something among them is no tensor and has no JSON form.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        tensor: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        if not value.is_floating_point() and not value.is_complex() and value.numel() <= _VALUES:
            tensor["values"] = value.tolist()
        return {"tensor": tensor}
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [write_inputs(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): write_inputs(item) for key, item in value.items()}}
    raise RecipeError(
        f"the example input {type(value).__name__} cannot be written as JSON", fix="give tensors and plain values"
    )


def read_inputs(data: Any) -> Any:
    """The example inputs that `write_inputs` wrote; of values that were not kept, others of the same shape and type."""
    if not isinstance(data, dict):
        return data
    if "tensor" in data:
        return _read_tensor(data["tensor"])
    if "dict" in data:
        return {key: read_inputs(item) for key, item in data["dict"].items()}
    if "tuple" in data:
        return tuple(read_inputs(item) for item in data["tuple"])
    return [read_inputs(item) for item in data["list"]]


def _read_tensor(data: Mapping[str, Any]) -> torch.Tensor:
    dtype = getattr(torch, data["dtype"])
    if "values" in data:
        return torch.tensor(data["values"], dtype=dtype).reshape(data["shape"])
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(data["shape"], generator=torch.Generator().manual_seed(0)).to(dtype)
    return torch.zeros(data["shape"], dtype=dtype)


def write_origin(recipe: Recipe | None) -> dict[str, Any] | None:
    """How to make a model again, if that can be said in JSON."""
    try:
        return None if recipe is None else recipe.to_json()
    except RecipeError:
        return None
