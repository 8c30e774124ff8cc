"""Measures models and remembers what came out."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from retix.errors import ConfigError, SpaceError
from retix.measures.catalogue import find_measure, list_measures
from retix.measures.data import Data, read_data
from retix.measures.measure import Measure
from retix.measures.notebook import Notebook
from retix.measures.subject import Subject

if TYPE_CHECKING:
    # For annotations alone.
    from torch import nn

    from retix.evaluator import Evaluator

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_KEPT_VALUES = 100_000
_KEPT_SUBJECTS = 4


class Latest(Generic[K, V]):
    """A bounded dict; what was used least recently goes first.

    Args:
        size: How many entries are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, which is the latest used from now on; None without it."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def items(self) -> list[tuple[K, V]]:
        """Every key with its value."""
        return list(self._kept.items())

    def put(self, key: K, value: V) -> V:
        """Keep a value, and return it."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class Making:
    """How a model is made.

    Attributes:
        name: What errors call it.
        make: Makes it, initialised at random.
        example_inputs: A tensor, a tuple or list of inputs, or None if they are not known.
    """

    name: str
    make: Callable[[], nn.Module]
    example_inputs: Any


class Measurer:
    """The measures of a space, with what they found.

    Args:
        own: The user's measures.
        evaluator: Gives the data that models are shown; without it, or if it has none, they are shown noise.

    Attributes:
        own: The user's measures.
        measures: Every measure by its name.

    Raises:
        ConfigError: Something is no measure, or two have one name.
    """

    def __init__(self, own: Iterable[Measure], evaluator: Evaluator | None) -> None:
        self.own = tuple(own)
        self.measures = list_measures(self.own)
        self._evaluator = evaluator
        self._data: Data | None = None
        self._values: Latest[tuple[str, str], float] = Latest(_KEPT_VALUES)
        self._inexact: Latest[tuple[str, str], float] = Latest(_KEPT_VALUES)
        self._notebook: Notebook | None = None
        self._subjects: Latest[str, Subject] = Latest(_KEPT_SUBJECTS)

    def __reduce__(self) -> tuple[Callable[..., Measurer], tuple[Any, ...]]:
        """Copies and pickles are made anew: they measure for themselves."""
        return Measurer, (self.own, self._evaluator)

    def find(self, name: str) -> Measure:
        """The measure of that name.

        Raises:
            SpaceError: There is none.
        """
        try:
            return find_measure(name, self.measures)
        except ConfigError as error:
            raise SpaceError(error.what, fix=error.fix) from None

    def measure(self, digest: str, name: str, make: Callable[[], Making]) -> float:
        """What is known of a network by a measure.

        Args:
            digest: Equal for equal networks.
            name: The name of the measure.
            make: Gives how the model is made; called if the network is not known yet.

        Raises:
            SpaceError: There is no such measure.
            ProfileError: The model cannot be measured.
        """
        measure = self.find(name)
        known = self._values.get((digest, name))
        if known is not None:
            return known
        subject = self._subjects.get(digest) or self._subjects.put(digest, self._open(make()))
        value = float(measure(subject))
        self.remember(digest, name, value)
        return value

    def remember(self, digest: str, name: str, value: float) -> None:
        """Take a value as found."""
        self._values.put((digest, name), value)
        if not self.find(name).is_exact:
            self._inexact.put((digest, name), value)
            if self._notebook is not None:
                self._notebook.write(digest, name, value)

    def keep(self, path: Path) -> None:
        """Keep what might come out otherwise another time, and take what a file has of it.

        Args:
            path: The file, which need not exist; what is measured from now on is added to it.

        Raises:
            StoreError: It cannot be read or written.
        """
        notebook = Notebook(path)
        kept = {(digest, name): value for digest, name, value in notebook.read() if name in self.measures}
        for key, value in kept.items():
            self._values.put(key, value)
            self._inexact.put(key, value)
        for (digest, name), value in self._inexact.items():
            if (digest, name) not in kept:
                notebook.write(digest, name, value)
        self._notebook = notebook

    def _open(self, making: Making) -> Subject:
        inputs = making.example_inputs
        if inputs is not None and not isinstance(inputs, (tuple, list)):
            inputs = (inputs,)
        data = functools.partial(self._read, inputs)
        return Subject(making.make, data, name=making.name, example_inputs=None if inputs is None else tuple(inputs))

    def _read(self, inputs: Any) -> Data:
        if self._data is None:
            self._data = read_data(self._evaluator, inputs)
            if self._data.note is not None:
                warnings.warn(f"models are measured without real data: {self._data.note}", stacklevel=2)
        return self._data
