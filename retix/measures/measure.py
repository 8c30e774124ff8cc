"""What a measure is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

from retix.measures.subject import Subject
from retix.recipe import trace


class Measure(ABC):
    """One number that says something of a model without training it.

    Subclasses write `__call__`; the arguments of their constructor are remembered by themselves, so that a space with
    measures of one's own goes to JSON, as long as their classes can be imported.

    Attributes:
        name: What objectives and limits call it.
        unit: The unit of the number; empty if it has none.
        mode: Whether a higher or a lower number is better.
        is_exact: Whether it gives the very same number anywhere and at any time, as counts do. Of other measures, an
            experiment keeps what came out: arithmetic differs in the last digits between machines, and times always.
    """

    name: str
    unit: str = ""
    mode: Literal["maximize", "minimize"] = "maximize"
    is_exact: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        trace(cls)

    @abstractmethod
    def __call__(self, subject: Subject) -> float:
        """Measure one model; leaves no trace in the subject or in the random number generators.

        Args:
            subject: The model, and what is at hand to look at it.

        Returns:
            A finite number.

        Raises:
            ProfileError: The model cannot be measured.
        """

    def __repr__(self) -> str:
        return f"<measure {getattr(self, 'name', type(self).__name__)}>"
