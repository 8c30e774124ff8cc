"""A choice that is made while the model is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from retix.caller import find_caller
from retix.errors import NoContextError, SpaceError
from retix.nn.pytorch.mutable import FIXED
from retix.nn.pytorch.value_choice import ValueChoice
from retix.recipe import answers_while_collecting, asked_so_far, is_noting, note_asked
from retix.space import Decision, evaluate


class Asked(NamedTuple):
    """What a model asked while it was made.

    Attributes:
        decision: The question.
        answer: The answer it was made with.
    """

    decision: Decision
    answer: Any


class ModelParameterChoice:
    """One of several values, at once: it may decide what the model is built of, in loops and conditions.

    Nothing of it is seen in a graph, so that each answer means another build of the model. Where `ValueChoice`,
    `LayerChoice` or `Repeat` can say the same, they leave more to the search.

    Args:
        candidates: What there is to choose from; see `retix.nn.pytorch.ValueChoice`.
        prior: The weight of each candidate in random draws.
        default: The value of the base model: a candidate, or a function from the list of candidates to one, as
            `FIRST` and `LAST` are.
        label: Choices of one label are made together; by default ``parameter_1``, ``parameter_2``, and so on, in the
            order in which the model asks.

    Raises:
        SpaceError: The default is no candidate, nobody would know of the choice because it is not made in a
            `model_wrapper` class, or inside of `retix.fixed_arch` there is no answer.
    """

    def __new__(
        cls,
        candidates: Iterable[Any],
        *,
        prior: Sequence[float] | None = None,
        default: Any = None,
        label: str | None = None,
    ) -> Any:
        if FIXED.get() is None and not is_noting():
            raise NoContextError(
                f"nobody would know of the ModelParameterChoice {label or list(candidates)!r}",
                where=find_caller(),
                why="it gives a plain value, so that only the class that is being made can remember it",
                fix="decorate the class of the outermost model with @model_wrapper",
            )
        given = list(candidates)
        choice = _make_choice(given, prior, _name(label))
        answers = FIXED.get()
        if answers is None and choice.decision.label in answers_while_collecting():
            answers = answers_while_collecting()
        if answers is None:
            value = _take_default(given, cls.FIRST if default is None else default, choice)
        else:
            value = evaluate(choice, answers)
            index = next(i for i, candidate in enumerate(choice.candidates) if candidate is value or candidate == value)
            value = given[index]  # as the user gave it
        note_asked(Asked(choice.decision, choice.answer_for(value)))
        return value

    @classmethod
    def create_fixed_module(cls, candidates: Iterable[Any], *, label: str | None = None, **others: Any) -> Any:
        """NNI's way to ask inside of `retix.fixed_arch`.

        Raises:
            SpaceError: It is called elsewhere, or there is no answer.
        """
        if FIXED.get() is None:
            raise SpaceError(
                "ModelParameterChoice.create_fixed_module is called where nothing is fixed",
                where=find_caller(),
                fix="call it inside of `with retix.fixed_arch({label: answer}):`",
            )
        return cls(candidates, label=label, **others)

    @staticmethod
    def create_default(candidates: Sequence[Any], default: Any, label: str | None) -> Any:
        """NNI's way to ask outside of `retix.fixed_arch`."""
        return ModelParameterChoice(candidates, default=default, label=label)

    @staticmethod
    def FIRST(sequence: Sequence[Any]) -> Any:  # noqa: N802 - NNI's name
        """The first candidate."""
        return sequence[0]

    @staticmethod
    def LAST(sequence: Sequence[Any]) -> Any:  # noqa: N802 - NNI's name
        """The last candidate."""
        return sequence[-1]


def _name(label: str | None) -> str:
    if label is not None:
        return label
    so_far = asked_so_far()
    labels = list(dict.fromkeys(asked.decision.label for asked in so_far))
    automatic = [each for each in labels if each.startswith("parameter_")]
    return f"parameter_{len(automatic) + 1}"


def _make_choice(given: list[Any], prior: Sequence[float] | None, label: str) -> ValueChoice:
    made: ValueChoice = ValueChoice.make_open(given, prior=prior, label=label)
    for asked in asked_so_far():
        if asked.decision.label == label:
            asked.decision.merged(made.decision)  # refuses others under the same label
    return made


def _take_default(given: list[Any], default: Callable[[list[Any]], Any] | Any, choice: ValueChoice) -> Any:
    if any(default is candidate or default == candidate for candidate in given):
        return default
    if not callable(default):
        raise SpaceError(
            f"the default {default!r} of the choice {choice.label!r} is none of {given!r}",
            where=choice.place,
            fix="give a candidate, or a function that takes one of a list, such as ModelParameterChoice.LAST",
        )
    value = default(given)
    if not any(value is candidate or value == candidate for candidate in given):
        raise SpaceError(
            f"the default of the choice {choice.label!r} gives {value!r}, which is none of {given!r}",
            where=choice.place,
            fix="let the function return one of the list that it is called with",
        )
    return value
