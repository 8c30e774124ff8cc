"""Models built with fixed choices."""

from __future__ import annotations

import copy as copying
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from retix.errors import SpaceError
from retix.nn.pytorch.input_choice import InputChoice
from retix.nn.pytorch.label import LabelBook, constraints_of
from retix.nn.pytorch.mutable import FIXED, SETTLE
from retix.nn.pytorch.parameter_choice import Asked
from retix.nn.pytorch.repeat import Repeat
from retix.nn.pytorch.select_inputs import SelectInputs
from retix.nn.pytorch.settle import RefuseUnanswered, Settler, StillOpen, carry_state
from retix.recipe import FINISH, asked_by, recipe_of
from retix.space import Expression, Known


def fix(module: torch.nn.Module, answers: Mapping[str, Any], *, copy: bool = True) -> torch.nn.Module:
    """The model that a sample makes, in Python: what was chosen stands in the place of each choice.

    Weights are carried over wherever shapes agree. A layer choice becomes the chosen candidate, an input choice
    `ChosenInputs`, a repeat a `torch.nn.Sequential`; a layer with open arguments is made again with their values; a
    choice that forward calls gives its value.

    Args:
        module: A model with choices.
        answers: By label, as in a sample. Those of choices that do not take part may be missing: should they take part
            after all, the model refuses to run. Labels that it does not know are left alone.
        copy: Leave ``module`` as it is.

    Raises:
        SpaceError: An answer is missing or does not fit, a layer cannot be made, or a rule of the model is broken.
    """
    rebuilt = _rebuild(module, answers)
    return _fix_in_place(rebuilt if rebuilt is not None else copying.deepcopy(module) if copy else module, answers)


def _fix_in_place(root: torch.nn.Module, answers: Mapping[str, Any]) -> torch.nn.Module:
    book = LabelBook(root)
    for rule in constraints_of(root, book):
        _check(rule, answers)
    # only where tensors are chosen can the result of a choice go unused
    choosers = sum(isinstance(part, (InputChoice, SelectInputs)) for part in root.modules())
    repeats = sum(isinstance(part, Repeat) and len(part.depths) > 1 for part in root.modules())
    settler = Settler(answers, book, may_be_dead=choosers > repeats)
    made = settler.settle(root)
    if settler.unanswered:
        made.register_forward_hook(RefuseUnanswered(settler.unanswered))
    return made


def _rebuild(module: torch.nn.Module, answers: Mapping[str, Any]) -> torch.nn.Module | None:
    """The model made again, if it was made under other answers than those that are given."""
    asked = asked_by(module)
    if all(each.decision.label not in answers or _is_same(each, answers) for each in asked):
        return None
    recipe = recipe_of(module)
    assert recipe is not None, "only models that remember how they were made remember what they asked"
    given = {each.decision.label: each.answer for each in asked} | dict(answers)
    with _answering(given, finish=False):
        made: torch.nn.Module = recipe.build()
    carry_state(module, made)
    return made.train(module.training)


def _is_same(asked: Asked, answers: Mapping[str, Any]) -> bool:
    return bool(asked.decision.check(answers[asked.decision.label]) == asked.answer)


def _check(rule: Any, answers: Mapping[str, Any]) -> None:
    try:
        holds = bool(rule.expression.evaluate(answers))
    except SpaceError:  # it asks for a choice that does not take part
        return
    if not holds:
        raise SpaceError(
            f"the sample breaks a rule of the model: {rule.message or rule.expression!r}",
            where=rule.place,
            fix="take a sample of the space, which meets every rule",
        )


@contextmanager
def fixed_arch(fixed_arch: Mapping[str, Any] | str | Path, verbose: bool = True) -> Iterator[None]:
    """Models that are made inside of the context come out with their choices made.

    A choice with a label is settled as it is made. In a `model_wrapper` class all are settled as soon as the model is
    whole; there they need no labels.

    Args:
        fixed_arch: Answers by label, or the path of a JSON file that holds them.
        verbose: Accepted for NNI's scripts.

    Raises:
        SpaceError: The file cannot be read, an answer is missing or does not fit.
    """
    with _answering(fixed_arch if isinstance(fixed_arch, Mapping) else _read(Path(fixed_arch))):
        yield


@contextmanager
def no_fixed_arch() -> Iterator[None]:
    """Models that are made inside of the context keep their choices, even inside of `fixed_arch`."""
    with _answering(None):
        yield


@contextmanager
def _answering(answers: Mapping[str, Any] | None, *, finish: bool = True) -> Iterator[None]:
    def finish_model(model: Any) -> None:
        if answers is not None:
            _fix_in_place(model, answers)

    fixed = FIXED.set(answers)
    settle = SETTLE.set(_settle)
    finishing = FINISH.set(finish_model if finish else None)
    try:
        yield
    finally:
        FIXED.reset(fixed)
        SETTLE.reset(settle)
        FINISH.reset(finishing)


def _settle(made: Any, answers: Mapping[str, Any]) -> Any:
    """What a choice that was made outside of a `model_wrapper` class becomes at once."""
    settler = Settler(answers, None)
    if isinstance(made, Expression):
        try:
            return Known(settler.value(made, ""))
        except StillOpen:
            return made
    return settler.settle(made)


def _read(path: Path) -> dict[str, Any]:
    try:
        answers: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SpaceError(
            f"{path} cannot be read as answers: {error}", fix="give a JSON file: {label: answer}"
        ) from error
    if not isinstance(answers, dict):
        raise SpaceError(f"{path} holds no answers by label", fix="write a JSON object: {label: answer}")
    return answers
