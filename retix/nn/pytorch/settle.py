"""A model with its choices made: each choice in it is replaced by what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import torch
from torch.utils import _pytree as pytree

from retix.errors import SpaceError
from retix.nn.pytorch.chosen_inputs import ChosenInputs
from retix.nn.pytorch.input_choice import InputChoice
from retix.nn.pytorch.label import LabelBook
from retix.nn.pytorch.layer_choice import LayerChoice
from retix.nn.pytorch.mutable import Mutable
from retix.nn.pytorch.repeat import Repeat
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.recipe import Recipe, is_model_wrapped, recipe_of
from retix.space import Constraint, Expression, Known, evaluate, find_expressions

ORIGIN = "_retix_origin"
"""The path, in the choice it was a candidate of, of a module that stands in the choice's place."""

_OWN = frozenset(vars(torch.nn.Module()))
"""What every module has, and what holds no choices of the user's."""


class StillOpen(Exception):  # noqa: N818 - it is no error
    """A choice, whose label this is, has no answer."""


class _Answers(dict[str, Any]):
    def __missing__(self, label: str) -> NoReturn:
        raise StillOpen(label)


class Settler:
    """Makes the choices of one model, in place.

    Args:
        answers: By label.
        book: The labels of the model; without one, choices that have no label, or no answer, stay as they are, and
            refuse to run.
        may_be_dead: The results of choices may be left unused, so that answers may be missing; what has none computes
            its default, and the model refuses to return anything that depends on it.

    Attributes:
        unanswered: The labels of choices that have no answer.
    """

    def __init__(self, answers: Mapping[str, Any], book: LabelBook | None, may_be_dead: bool = False) -> None:
        self._answers = _Answers(answers)
        self._book = book
        self._may_be_dead = may_be_dead
        self.unanswered: list[str] = []
        self._done: dict[int, tuple[torch.nn.Module, torch.nn.Module]] = {}
        self._values: dict[int, tuple[Any, Any]] = {}

    def settle(self, module: torch.nn.Module, path: str = "") -> torch.nn.Module:
        """What takes the place of ``module``, which may be itself.

        Raises:
            SpaceError: An answer is missing, or does not fit.
        """
        known = self._done.get(id(module))
        if known is None:
            try:
                made = self._settle(module, path)
            except StillOpen as missing:
                made = module
                self._leave_open(module, path, missing)
            known = self._done[id(module)] = module, made
            self._done.setdefault(id(made), (made, made))
        return known[1]

    def _leave_open(self, module: torch.nn.Module, path: str, missing: StillOpen) -> None:
        (label,) = missing.args
        if self._book is None:
            module.register_forward_pre_hook(refuse_unanswered)
            self._settle_children(module, path)
            return
        if not self._may_be_dead:
            raise SpaceError(
                f"the choice {label!r} has no answer",
                where=_place_of(module),
                fix=f"add {label!r} to the sample, which answers {sorted(self._answers) or 'nothing'}",
            ) from None
        self.unanswered.append(label)
        module.register_forward_hook(mark_unanswered)

    def value(self, value: Any, path: str) -> Any:
        """``value`` with the choices in it made, also inside lists, tuples and dicts.

        Raises:
            SpaceError: It cannot be computed.
            StillOpen: An answer is missing.
        """
        try:
            return evaluate(self._book.named(value, path) if self._book is not None else value, self._answers)
        except SpaceError as error:
            raise SpaceError(error.what, where=error.where or _place(value), why=error.why, fix=error.fix) from None

    def _settle(self, module: torch.nn.Module, path: str) -> torch.nn.Module:
        if isinstance(module, LayerChoice):
            return self._choose_layer(module, path)
        if isinstance(module, InputChoice):
            return self._like(module, ChosenInputs(self._choose_inputs(module, path), module.reduction))
        if isinstance(module, SelectInputs):
            held = self.value(module.conditions, f"{path}.conditions")
            reduction = "sum" if module.reduction == "one" else module.reduction
            return self._like(module, ChosenInputs([i for i, holds in enumerate(held) if holds], reduction))
        if isinstance(module, Repeat):
            depth = self.value(module.depth_choice, f"{path}.depth_choice")
            blocks = [self.settle(block, f"{path}.{i}") for i, block in enumerate(module.blocks[:depth])]
            return self._like(module, torch.nn.Sequential(*blocks))
        recipe = recipe_of(module)
        if recipe is not None and not is_model_wrapped(module) and holds_open((recipe.args, dict(recipe.kwargs))):
            return self._rebuild(module, recipe, path)
        self._settle_attributes(module, path)
        self._settle_children(module, path)
        return module

    def _choose_layer(self, module: LayerChoice, path: str) -> torch.nn.Module:
        label = self._label(module, path)
        answer = self._answers[label]
        if type(answer) is int and str(answer) not in module.names and 0 <= answer < len(module):
            answer = module.names[answer]
        name = module.decision(label).check(str(answer) if type(answer) is int else answer)
        chosen = self.settle(module[name], f"{path}.{name}")
        inner = vars(chosen).get(ORIGIN)
        vars(chosen)[ORIGIN] = name if inner is None else f"{name}.{inner}"
        return chosen

    def _choose_inputs(self, module: InputChoice, path: str) -> tuple[int, ...]:
        label = self._label(module, path)
        answer = self._answers[label]
        if module.keys is not None:
            names = [answer] if isinstance(answer, str) else answer
            if isinstance(names, (list, tuple)):
                answer = sorted(module.keys.index(n) if n in module.keys else n for n in names)
        answer = (answer,) if type(answer) is int else answer
        if module.n_candidates is None:
            return tuple(answer)
        chosen: tuple[int, ...] = module.decision(label).check(answer)
        return chosen

    def _label(self, module: Mutable, path: str) -> str:
        return module.identity if self._book is None else self._book.of(module, path)

    def _settle_attributes(self, module: torch.nn.Module, path: str) -> None:
        for name, value in list(vars(module).items()):
            if name in _OWN or name.startswith("_retix"):
                continue
            if isinstance(value, Constraint) and self._book is not None:
                vars(module)[name] = None  # it was met, and there is nothing left to rule
            if isinstance(value, Expression) or (type(value) in (list, tuple, dict) and _has_expression(value)):
                try:
                    vars(module)[name] = self._known(value, f"{path}.{name}".lstrip("."))
                except StillOpen:
                    if self._book is not None and not self._may_be_dead:
                        raise

    def _known(self, value: Any, path: str) -> Any:
        """``value`` with what is left of each expression in it; its arithmetic goes on, and calling it gives it."""
        if isinstance(value, Expression):
            return Known(self.value(value, path))
        if type(value) in (list, tuple):
            return type(value)(self._known(item, path) for item in value)
        return {k: self._known(v, path) for k, v in value.items()} if type(value) is dict else value

    def _settle_children(self, module: torch.nn.Module, path: str) -> None:
        for name, child in list(module._modules.items()):
            if child is None:
                continue
            inner = f"{path}.{name}".lstrip(".")
            if isinstance(module, Mutable) and not self._is_live(module, name, inner):
                del module._modules[name]
            else:
                module._modules[name] = self.settle(child, inner)

    def _is_live(self, module: Mutable, name: str, path: str) -> bool:
        try:
            return bool(self.value(module.live_when(name), path))
        except StillOpen:
            return True

    def _rebuild(self, module: torch.nn.Module, recipe: Recipe, path: str) -> torch.nn.Module:
        args = tuple(self._fill(argument, path) for argument in recipe.args)
        kwargs = {name: self._fill(argument, f"{path}.{name}") for name, argument in recipe.kwargs.items()}
        try:
            made: torch.nn.Module = recipe.target(*args, **kwargs)
            _refuse_empty(made)
        except Exception as error:
            given = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
            raise SpaceError(
                f"{path} cannot be made as {recipe.target.__name__}({given}): {error}",
                where=recipe.place,
                why="these are its arguments once the choices among them are made",
                fix="leave candidates out that do not go together, or declare a retix.constraint",
            ) from error
        carry_state(module, made)
        return self._like(module, made)

    def _fill(self, argument: Any, path: str) -> Any:
        if isinstance(argument, Expression):
            return self.value(argument, path)
        if type(argument) in (list, tuple):
            return type(argument)(self._fill(item, path) for item in argument)
        if type(argument) is dict:
            return {key: self._fill(item, path) for key, item in argument.items()}
        recipe = None if isinstance(argument, type) else recipe_of(argument)
        if recipe is None or not holds_open((recipe.args, dict(recipe.kwargs))):
            return argument
        if isinstance(argument, torch.nn.Module):
            return self.settle(argument, path)
        kwargs = {name: self._fill(item, f"{path}.{name}") for name, item in recipe.kwargs.items()}
        return replace(recipe, args=tuple(self._fill(a, path) for a in recipe.args), kwargs=kwargs).build()

    @staticmethod
    def _like(module: torch.nn.Module, made: torch.nn.Module) -> torch.nn.Module:
        """``made``, in the mode of the module whose place it takes, and with its hooks."""
        made.train(module.training)
        for hooks in ("_forward_hooks", "_forward_pre_hooks"):
            given = {k: h for k, h in getattr(module, hooks).items() if h is not refuse_unanswered}
            getattr(made, hooks).update(given)
        return made


def holds_open(argument: Any) -> bool:
    """Whether a choice is among arguments, also of objects that remember theirs."""
    if isinstance(argument, Expression):
        return True
    if isinstance(argument, (list, tuple)):
        return any(map(holds_open, argument))
    if isinstance(argument, dict):
        return any(map(holds_open, argument.values()))
    recipe = None if isinstance(argument, type) else recipe_of(argument)
    return recipe is not None and holds_open((recipe.args, dict(recipe.kwargs)))


def _refuse_empty(layer: torch.nn.Module) -> None:
    """Torch makes a layer of 0 channels without a word.

    Raises:
        ValueError: A parameter has no elements.
    """
    for name, parameter in layer.named_parameters(recurse=False):
        if not torch.nn.parameter.is_lazy(parameter) and parameter.numel() == 0:
            raise ValueError(f"its {name} of shape {tuple(parameter.shape)} would be empty")


def carry_state(old: torch.nn.Module, new: torch.nn.Module) -> None:
    """Give ``new`` the parameters and buffers of ``old``, where their shapes agree, and its device and type."""
    tensors = {**dict(old.named_parameters()), **dict(old.named_buffers())}
    first = next((t for t in tensors.values() if t.is_floating_point()), None)
    if first is not None:
        new.to(first.device, first.dtype)
    with torch.no_grad():
        for name, tensor in [*new.named_parameters(), *new.named_buffers()]:
            mine = tensors.get(name)
            if mine is not None:
                tensor.requires_grad_(mine.requires_grad)
                if mine.shape == tensor.shape:
                    tensor.copy_(mine)


def refuse_unanswered(module: torch.nn.Module, inputs: Any) -> None:
    """Refuse to run a choice that `fixed_arch` had no answer for."""
    label = getattr(module, "label", None)
    raise SpaceError(
        f"the choice {label!r} was made inside of fixed_arch, and has no answer",
        where=getattr(module, "place", None),
        why=None if label else "the automatic label of a choice is known only in a @model_wrapper class",
        fix="add it to the answers" if label else "decorate the outermost model with @model_wrapper, or give a label",
    )


class Unanswered(torch.Tensor):
    """A tensor that depends on a choice without an answer, as does whatever is computed from it."""


def mark_unanswered(module: torch.nn.Module, inputs: Any, result: Any) -> Any:
    """Mark what a choice without an answer returns."""
    return map_tensors(lambda tensor: tensor.as_subclass(Unanswered), result)


class RefuseUnanswered:
    """Refuses to return from the whole model what depends on a choice without an answer.

    Args:
        labels: The labels of all such choices.
    """

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels

    def __call__(self, module: torch.nn.Module, inputs: Any, result: Any) -> None:
        if any(isinstance(tensor, Unanswered) for tensor in pytree.tree_leaves(result)):
            raise SpaceError(
                f"the model depends on a choice without an answer: {' or '.join(map(repr, self.labels))}",
                fix="add it to the sample",
            )


def map_tensors(function: Callable[[torch.Tensor], Any], result: Any) -> Any:
    """``result`` with ``function`` of every tensor in it."""
    return pytree.tree_map(lambda item: function(item) if isinstance(item, torch.Tensor) else item, result)


def _has_expression(value: Any) -> bool:
    return next(find_expressions(value), None) is not None


def _place_of(module: torch.nn.Module) -> str | None:
    recipe = recipe_of(module)
    found: str | None = getattr(module, "place", None) or (recipe.place if recipe is not None else None)
    return found


def _place(value: Any) -> str | None:
    choices = [choice for expression in find_expressions(value) for choice in expression.inner_choices()]
    return next((choice.place for choice in choices if getattr(choice, "place", None)), None)
