"""Where a base model comes from, and how it is made again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from retix.errors import ConversionError, RecipeError
from retix.nn.pytorch import fix
from retix.recipe import Recipe, asked_by, collecting, is_model_wrapped, recipe_of
from retix.space import Choice, Decision

Asked: TypeAlias = tuple[Decision, Choice]
"""A decision that a constructor asked, with the answer that it got."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A base model as the user gave it.

    Attributes:
        name: The name of the model's class.
        module: The instance; made from the factory where a factory was given. None where only a graph is left of it.
        recipe: How to make another one; None for an instance that does not remember it.
        asked: What was decided while ``module`` was built.
        is_wrapped: Whether the outermost class is decorated by `retix.model_wrapper`.
    """

    name: str
    module: torch.nn.Module | None
    recipe: Recipe | None
    asked: tuple[Asked, ...]
    is_wrapped: bool

    def build(self, answers: Mapping[str, Choice]) -> tuple[torch.nn.Module, list[Asked]]:
        """Make the model anew.

        Args:
            answers: Answers to decisions that are made while the model is built; others take their default.

        Returns:
            The model, and those decisions in the order in which they were asked, each with its answer.

        Raises:
            RecipeError: The instance does not remember how it was made.
        """
        if self.recipe is None:
            raise RecipeError(
                f"{self.name} does not remember how it was made, and cannot be made again",
                fix=f"decorate {self.name} with @retix.model_wrapper, or give a function that makes the model",
            )
        with collecting(answers) as asked:
            module = self.recipe.build()
        return module, _read(asked)

    def runs_on(self, example_inputs: Any) -> bool:
        """Whether Python itself can run the model on these inputs; a model that fails has no other engine to go to."""
        if example_inputs is None or self.module is None:
            return True
        given = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)
        try:
            tried = copy.deepcopy(self.module).eval()
        except Exception:  # what cannot be copied is not run, as running changes it
            return True
        try:
            with torch.no_grad(), torch.random.fork_rng():
                tried(*given)
        except Exception:
            return False
        return True

    def fix(self, sample: Mapping[str, Any], decided: Mapping[str, Choice]) -> torch.nn.Module:
        """The model of a sample; weights of ``module`` are carried over where shapes agree.

        Args:
            sample: The answers.
            decided: Those of them that are given while the model is built.
        """
        assert self.module is not None, "without a module there is a graph"
        if self.is_wrapped or not decided:
            return fix(self.module, sample)
        return fix(self.build(decided)[0], sample, copy=False)


def read_origin(base_model: Any) -> Origin:
    """The origin of what the user gave: an instance, or a function without arguments that makes one.

    Raises:
        ConversionError: It is a class, or makes no module.
        RecipeError: Decisions were made while it was built, and it does not remember how it was made.
    """
    if isinstance(base_model, torch.nn.Module):
        return _read_instance(base_model)
    if isinstance(base_model, type):
        raise ConversionError(
            f"the base model is a class, {base_model.__name__}",
            fix=f"give an instance, such as {base_model.__name__}()",
        )
    if callable(base_model):
        return _read_factory(base_model)
    raise ConversionError(
        f"the base model is a {type(base_model).__name__}, not a torch.nn.Module", fix="give an instance of the model"
    )


def _read_instance(module: torch.nn.Module) -> Origin:
    name, recipe, asked = type(module).__name__, recipe_of(module), tuple(_read(asked_by(module)))
    if asked and recipe is None:
        raise RecipeError(
            f"{name} was built with ModelParameterChoice {', '.join(repr(decision.label) for decision, _ in asked)}, "
            "and cannot be built again",
            why="such a choice decides what the model's constructor makes, so every answer needs a model of its own",
            fix=f"decorate {name} with @retix.model_wrapper, or give a function that makes the model",
        )
    return Origin(name, module, recipe, asked, is_model_wrapped(module))


def _read_factory(make: Callable[[], Any]) -> Origin:
    with collecting() as asked:
        module = make()
    if not isinstance(module, torch.nn.Module):
        name = getattr(make, "__name__", repr(make))
        raise ConversionError(
            f"{name}() gives a {type(module).__name__}, not a torch.nn.Module", fix="let it return the model"
        )
    return Origin(type(module).__name__, module, Recipe(make, (), {}), tuple(_read(asked)), False)


def _read(asked: Iterable[Any]) -> list[Asked]:
    return [(question.decision, question.answer) for question in asked]
