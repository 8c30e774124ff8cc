"""What a model computes, written out as a term: an oracle that knows nothing of graphs.

Every part of a random space says what it means: which answers it looks up, and what it does with its input. So what
walking, counting, graphs and the Python build have to agree on is found without any of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

Term = tuple[Any, ...]
Options = tuple[Any, ...]


class UnknownError(Exception):
    """An answer is looked up that is not there yet.

    Args:
        label: Whose it is.
        options: What may be answered.
    """

    def __init__(self, label: str, options: Options) -> None:
        self.label, self.options = label, options
        super().__init__(label)


class Answers:
    """Looks answers up, and remembers which.

    Args:
        given: By label.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.read: dict[str, Any] = {}

    def ask(self, label: str, options: Options) -> Any:
        """The answer of a label.

        Raises:
            UnknownError: There is none.
        """
        if label not in self.given:
            raise UnknownError(label, options)
        self.read[label] = self.given[label]
        return self.given[label]


class Lazy:
    """A value that is computed when it is first needed, so that what nobody needs asks nothing.

    Args:
        compute: Gives the value.
    """

    def __init__(self, compute: Callable[[], Term]) -> None:
        self._compute = compute
        self._value: Term | None = None

    def get(self) -> Term:
        """The value."""
        if self._value is None:
            self._value = self._compute()
        return self._value


INPUT = Lazy(lambda: ("input",))


def subsets(count: int, n_chosen: int) -> Options:
    """What may be answered where ``n_chosen`` of ``count`` tensors are taken, or any number of them (-1)."""
    sizes = range(1, count + 1) if n_chosen == -1 else (n_chosen,)
    return tuple(chosen for size in sizes for chosen in itertools.combinations(range(count), size))


def layer(kind: Any, path: str, value: Lazy) -> Term:
    """A call of the layer at ``path``, whose weights are no other's."""
    return ("layer", kind, path, value.get())


def module(path: str, inputs: Lazy | list[Lazy], run: Callable[..., Term]) -> Term:
    """A call of the module at ``path``, whose inputs are told from what it makes of them."""
    given = [inputs] if isinstance(inputs, Lazy) else inputs
    inner = [Lazy(lambda value=value: ("handed in", value.get())) for value in given]
    return ("module", None, path, run(*inner))


def canonical(term: Term) -> Term:
    """The term with its modules numbered as they are met: equal for networks that differ in names alone."""
    numbers: dict[str, int] = {}

    def rename(part: Any) -> Any:
        if not isinstance(part, tuple):
            return part
        if part[:1] in (("layer",), ("module",)):
            number = numbers.setdefault(part[2], len(numbers))
            return (part[0], part[1], number, rename(part[3]))
        return tuple(map(rename, part))

    renamed: Term = rename(term)
    return renamed


def list_models(run: Callable[[Answers], Term], most: int) -> Iterator[tuple[dict[str, Any], Term]]:
    """Yield the answers that each model looks up, with what it computes.

    Raises:
        OverflowError: There are more than ``most``.
    """
    left: list[dict[str, Any]] = [{}]
    count = 0
    while left:
        given = left.pop()
        try:
            answers = Answers(given)
            term = run(answers)
        except UnknownError as unknown:
            left += [{**given, unknown.label: option} for option in unknown.options]
            if len(left) > 4 * most:
                raise OverflowError from None
            continue
        count += 1
        if count > most:
            raise OverflowError
        yield answers.read, canonical(term)
