"""Samples in the forms in which people and other tools write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from retix.errors import SpaceError
from retix.space.decision import Choice, freeze, same
from retix.space.sample import Sample


class Described(Protocol):
    """What is known of a decision."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def candidates(self) -> tuple[Choice, ...]:
        """What there is to choose from."""

    @property
    def n_chosen(self) -> int | None:
        """How many are taken; see `retix.space.Decision`."""


def read_sample(decisions: Iterable[Described], data: Mapping[Any, Any]) -> Sample:
    """The sample that ``data`` means, for the decisions of a space.

    An answer may be written as retix writes it, or as NNI exports it: a layer by its name or position; inputs by a
    position or name, a list of those, or a list that says True or False for each; a value by itself. A choice of one
    may also be a list of one.

    Args:
        decisions: Those of the space.
        data: Label to answer. A label None, which NNI writes for mutators without choices, is left out.

    Raises:
        SpaceError: There is no such label, or the answer is none.
    """
    known = {decision.label: decision for decision in decisions}
    answers: dict[str, Choice] = {}
    for label, answer in data.items():
        if label is None:
            continue
        if label not in known:
            raise SpaceError(
                f"the space has no choice {label!r}", fix=f"its choices are {', '.join(map(repr, known)) or 'none'}"
            )
        answers[label] = _read(known[label], answer)
    return Sample(answers)


def _read(decision: Described, answer: Any) -> Choice:
    found = _read_one(decision, answer) if decision.n_chosen is None else _read_several(decision, answer)
    if found is None:
        many = {None: "one", -1: "one or more"}.get(decision.n_chosen, str(decision.n_chosen))
        raise SpaceError(
            f"{answer!r} does not answer the choice {decision.label!r}",
            fix=f"choose {many} of {list(decision.candidates)!r}",
        )
    return found[0]


def _read_one(decision: Described, answer: Any) -> tuple[Choice] | None:
    """The answer in a tuple, as it may be None."""
    candidates = decision.candidates
    try:
        frozen = freeze(answer)
    except SpaceError:
        return None
    for candidate in candidates:
        if same(candidate, frozen):
            return (candidate,)
    if all(isinstance(candidate, str) for candidate in candidates):
        if type(frozen) is int and 0 <= frozen < len(candidates):
            return (candidates[frozen],)
        prefix = f"layerchoice_{decision.label}_"  # how NNI names a candidate in its graphs
        if isinstance(frozen, str) and frozen.removeprefix(prefix) in candidates:
            return (frozen.removeprefix(prefix),)
    if isinstance(frozen, tuple):
        if _is_mask(frozen, len(candidates)) and sum(frozen) == 1 and len(frozen) > 1:
            return (candidates[frozen.index(True)],)
        if len(frozen) == 1:
            return _read_one(decision, frozen[0])
    return None


def _read_several(decision: Described, answer: Any) -> tuple[Choice] | None:
    items = answer if isinstance(answer, (list, tuple)) else [answer]
    if _is_mask(items, len(decision.candidates)):
        indices = [index for index, taken in enumerate(items) if taken]
    else:
        found = [_find_index(decision.candidates, item) for item in items]
        indices = sorted({index for index in found if index is not None})
        if None in found or len(indices) < len(found):
            return None
    fits = len(indices) == decision.n_chosen or (decision.n_chosen == -1 and indices)
    return (tuple(indices),) if fits else None


def _find_index(candidates: tuple[Choice, ...], item: Any) -> int | None:
    if type(item) is int and 0 <= item < len(candidates):
        return item
    return candidates.index(item) if isinstance(item, str) and item in candidates else None


def _is_mask(items: Any, length: int) -> bool:
    return len(items) == length and all(isinstance(item, bool) for item in items)
