"""Choices among the arguments of an evaluator."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from retix.errors import EvaluationError, RetixError
from retix.evaluator.evaluator import Evaluator
from retix.recipe import Recipe, recipe_of
from retix.space import Choice, Expression, relabel

PREFIX = "evaluator"
"""Begins the paths of an evaluator's arguments, and the labels of choices that have none."""


class OpenEvaluator:
    """An evaluator some of whose arguments may be choices: a learning rate, an optimizer, a batch size.

    Choices are found wherever arguments are remembered: in the evaluator's own, in those of the trainer, the data
    loaders, the module and whatever else was made by `retix.serialize` or is decorated by `retix.trace`, and inside
    lists, tuples, dicts, dataclasses and `functools.partial`. A choice without a label is named after the first
    argument that it is met in, such as ``evaluator.learning_rate``.

    Args:
        evaluator: The evaluator; it stays as it is, made with the first answer of each choice.

    Raises:
        EvaluationError: An object was made with a choice, and nothing remembers how it was made.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._names: dict[str, str] = {}
        self._arguments: dict[str, Expression] = {}
        found = list(_find(evaluator, PREFIX))
        taken = {d.label for _, expression in found for d in expression.decisions() if not _is_unnamed(d.label)}
        for path, expression in found:
            for decision in expression.decisions():
                if _is_unnamed(decision.label) and decision.label not in self._names:
                    self._names[decision.label] = _free_name(path, taken)
            self._arguments[path] = relabel(expression, lambda label: self._names.get(label, label))

    @property
    def arguments(self) -> Mapping[str, Expression]:
        """The open arguments by path, such as ``evaluator.train_dataloaders.batch_size``."""
        return self._arguments

    def fill(self, answers: Mapping[str, Choice]) -> Evaluator:
        """The evaluator of a sample: the same object if it has no choices, else one made anew.

        What holds no choice, such as a data set, is shared with the evaluator that this one was made of.

        Raises:
            SpaceError: An answer is missing, or arithmetic fails on these answers.
            EvaluationError: The evaluator cannot be made with these values.
        """
        if not self._arguments:
            return self.evaluator
        filled = _filled(self.evaluator, _Renaming(answers, self._names))
        assert isinstance(filled, Evaluator)
        return filled


class _Renaming(Mapping[str, Any]):
    """Answers, also under the identities that choices without labels go by."""

    def __init__(self, answers: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._answers = answers
        self._names = names

    def __getitem__(self, label: str) -> Any:
        return self._answers[self._names.get(label, label)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, label: object) -> bool:
        return self._names.get(str(label), label) in self._answers


def _is_unnamed(label: str) -> bool:
    return label.startswith("?")


def _free_name(path: str, taken: set[str]) -> str:
    name, count = path, 1
    while name in taken:
        name, count = f"{path}_{count}", count + 1
    taken.add(name)
    return name


def _find(value: Any, path: str) -> Iterator[tuple[str, Expression]]:
    """Yield the expressions in ``value``, each after its path."""
    if isinstance(value, Expression):
        yield path, value
        return
    recipe = _recipe(value)
    if recipe is not None:
        for name, argument in _arguments(recipe):
            yield from _find(argument, f"{path}.{name}")
    elif isinstance(value, functools.partial):
        for index, argument in enumerate(value.args):
            yield from _find(argument, f"{path}[{index}]")
        for name, argument in value.keywords.items():
            yield from _find(argument, f"{path}.{name}")
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):
            yield from _find(item, f"{path}[{index}]")
    elif type(value) is dict:
        for key, item in value.items():
            yield from _find(item, f"{path}.{key}" if isinstance(key, str) else f"{path}[{key!r}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.init:
                yield from _find(getattr(value, field.name), f"{path}.{field.name}")
    elif not isinstance(value, type):
        _refuse_hidden(value, path)


def _refuse_hidden(value: Any, path: str) -> None:
    """Refuse an object that keeps a choice which no sample could reach.

    Raises:
        EvaluationError: It does.
    """
    for name, attribute in getattr(value, "__dict__", {}).items():
        if any(isinstance(item, Expression) for item in _contents(attribute)):
            kind = type(value).__name__
            raise EvaluationError(
                f"{path} is a {kind} that keeps a choice in its attribute {name!r}",
                why=f"nothing remembers how the {kind} was made, so that none can be made with what is chosen",
                fix=f"decorate the class by @retix.trace, or make it by retix.serialize({kind}, ...)",
            )


def _contents(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else (value,)


def _recipe(value: Any) -> Recipe | None:
    return None if isinstance(value, type) else recipe_of(value)


def _arguments(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Yield a recipe's arguments under the names of the parameters that they go to."""
    try:
        parameters = list(inspect.signature(recipe.target).parameters.values())
    except (TypeError, ValueError):  # a class written in C may have no signature
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for index, argument in enumerate(recipe.args):
        yield names[index] if index < len(names) else f"args[{index}]", argument
    yield from recipe.kwargs.items()


def _filled(value: Any, answers: Mapping[str, Any]) -> Any:
    """``value`` with its choices made; the same object if it holds none."""
    if isinstance(value, Expression):
        return value.evaluate(answers)
    if next(_find(value, ""), None) is None:
        return value
    recipe = _recipe(value)
    if recipe is not None:
        args = [_filled(argument, answers) for argument in recipe.args]
        kwargs = {name: _filled(argument, answers) for name, argument in recipe.kwargs.items()}
        return _make(recipe.target, args, kwargs)
    if isinstance(value, functools.partial):
        keywords = {name: _filled(argument, answers) for name, argument in value.keywords.items()}
        return functools.partial(value.func, *(_filled(argument, answers) for argument in value.args), **keywords)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{name: _filled(item, answers) for name, item in _open_fields(value)})
    if isinstance(value, dict):
        return {key: _filled(item, answers) for key, item in value.items()}
    return type(value)(_filled(item, answers) for item in value)


def _open_fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a dataclass that hold choices."""
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.init and next(_find(item, ""), None) is not None:
            yield field.name, item


def _make(target: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        return target(*args, **kwargs)
    except RetixError:
        raise
    except Exception as error:
        given = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
        raise EvaluationError(
            f"{getattr(target, '__name__', target)}({given}) cannot be made: {type(error).__name__}: {error}",
            why="a sample chose values that it does not take",
            fix="take these candidates out of the choice",
        ) from error
