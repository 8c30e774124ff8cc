"""The choices of a model as mutators, as NNI's scripts and strategies take them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from retix.compat.conversion import convert_to_graph
from retix.errors import RecipeError, UnavailableError
from retix.evaluator import Evaluator
from retix.experiment import DecisionMutator, evaluator_mutators
from retix.ir import Model
from retix.mutation import Mutator, RuleMutator, split_choices
from retix.nn.pytorch import constraints_of, decisions_of
from retix.recipe import recipe_of
from retix.traceable import arguments_of


def process_inline_mutation(model: Model) -> list[Mutator] | None:
    """One mutator for each label among the open choices of ``model``, and what fills in their values; None for none."""
    return list(split_choices(model)) or None


def extract_mutation_from_pt_module(pytorch_model: torch.nn.Module) -> tuple[Model, list[Mutator] | None]:
    """The choices of a module without capturing it, as NNI's Python engine sees them.

    Returns:
        A model without a graph, which knows the class (``python_class``) and the arguments (``python_init_params``) of
        the module, and one mutator for each choice, or None if there is none; the last of
        them keeps the rules of the module, if it has any.

    Raises:
        RecipeError: The class takes arguments and is not decorated by ``model_wrapper``.
    """
    cls = type(pytorch_model)
    model = Model()
    model.python_class = cls
    model.python_init_params = _arguments(pytorch_model)
    mutators: list[Mutator] = [DecisionMutator(decision) for decision in decisions_of(pytorch_model)]
    rules = tuple(constraints_of(pytorch_model))
    if rules:
        mutators.append(RuleMutator(rules))
    return model, mutators or None


def _arguments(module: torch.nn.Module) -> dict[str, Any]:
    if recipe_of(module) is None:
        code = getattr(type(module).__init__, "__code__", None)
        if code is not None and code.co_argcount + code.co_kwonlyargcount > 1:
            raise RecipeError(
                f"{type(module).__name__} does not remember its arguments", fix="decorate it by @retix.model_wrapper"
            )
        return {}
    return arguments_of(module)[1]


def process_evaluator_mutations(evaluator: Any, existing_mutators: Sequence[Mutator] = ()) -> list[Mutator]:
    """One mutator for each choice among the arguments of an evaluator that no existing mutator makes."""
    return evaluator_mutators(evaluator, {mutator.label for mutator in existing_mutators})


def preprocess_model(
    base_model: torch.nn.Module,
    evaluator: Evaluator,
    applied_mutators: Sequence[Mutator] | None,
    full_ir: bool = True,
    dummy_input: Any = None,
    oneshot: bool = False,
) -> tuple[Model, list[Mutator]]:
    """The graph of a base model and all mutators that make a model of it.

    Args:
        base_model: The module.
        evaluator: Kept on the model.
        applied_mutators: Own mutators; they come behind those of the choices in the model.
        full_ir: Whether the model is captured; otherwise only its choices are listed.
        dummy_input: What it is traced with.
        oneshot: Only False is meaningful.

    Raises:
        ConversionError: The model cannot be captured.
        UnavailableError: ``oneshot`` is asked for.
    """
    if oneshot:
        raise UnavailableError("one-shot search is not built yet", fix="leave oneshot out")
    if full_ir:
        model = convert_to_graph(None, base_model, dummy_input=dummy_input)
        inline = process_inline_mutation(model)
    else:
        model, inline = extract_mutation_from_pt_module(base_model)
    model.evaluator = evaluator
    mutators = [*(inline or ()), *(applied_mutators or ())]
    return model, [*mutators, *process_evaluator_mutations(evaluator, mutators)]
