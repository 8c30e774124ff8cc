"""How many parameters a model has."""

from __future__ import annotations

from typing import Literal

from retix.measures.measure import Measure
from retix.measures.subject import Subject


class Parameters(Measure):
    """The count of all numbers in the model's parameters, trained or not; one that is used twice counts once."""

    name = "parameters"
    mode: Literal["maximize", "minimize"] = "minimize"
    is_exact = True

    def __call__(self, subject: Subject) -> float:
        return float(subject.n_parameters)
