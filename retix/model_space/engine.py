"""How the samples of a space become models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from retix.codegen import Source
from retix.ir import Model
from retix.model_space.variant import Variants
from retix.mutation import Mutator, SpaceDecision
from retix.space import Expression, Sample


class Engine(ABC):
    """Makes models of samples.

    Attributes:
        name: ``graph`` or ``py``.
        space: Every sample.
        files: What must lie beside a source that `write` gives, by name.
        mutators: Applied behind the choices in the model.
    """

    name: str
    space: Variants[Any]
    files: Mapping[str, bytes]
    mutators: tuple[Mutator, ...]

    @abstractmethod
    def build(self, sample: Mapping[str, Any]) -> Model:
        """The graph of a sample.

        Raises:
            ConfigError: There is no graph.
            SpaceError: The sample does not fit the space.
            MutationError: A mutator failed.
        """

    @abstractmethod
    def write(self, sample: Mapping[str, Any]) -> Source:
        """The source of a sample."""

    @abstractmethod
    def digest(self, sample: Sample) -> str:
        """A string that tells the network of a sample from others."""

    @abstractmethod
    def with_extras(self, extras: Mapping[str, Expression]) -> Engine:
        """The same with other values beside the model."""

    @abstractmethod
    def decisions(self) -> Iterable[SpaceDecision]:
        """Yield the decisions in the order in which they come; those of several variants come several times."""
