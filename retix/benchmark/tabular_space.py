"""The space of a table: a list of decisions, and what is known of each network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy
from numpy.typing import NDArray

from retix.errors import SpaceError
from retix.space import Decision, DecisionSpace, Sample


class TabularSpace(DecisionSpace):
    """A space whose networks are the rows of a table.

    Args:
        decisions: As for `DecisionSpace`.
        measures: What is known of each network without training, by name, in the order of the grid.
    """

    def __init__(self, decisions: Iterable[Decision], measures: Mapping[str, NDArray[numpy.float64]]) -> None:
        super().__init__(decisions)
        self._measures = measures
        self._rows = {sample: row for row, sample in enumerate(self.grid())}

    def row(self, sample: Sample) -> int:
        """The row of a sample.

        Raises:
            SpaceError: It is not in the space.
        """
        if sample not in self._rows:
            raise SpaceError(f"the table has no network {sample}", fix="propose samples that `walk` gives")
        return self._rows[sample]

    def sample(self, row: int) -> Sample:
        """The sample of a row."""
        return self.samples[row]

    @property
    def samples(self) -> list[Sample]:
        """All samples, in the order of the rows."""
        return list(self._rows)

    def measure(self, sample: Sample, name: str) -> float:
        if name not in self._measures:
            raise SpaceError(
                f"the table has no measure {name!r}", fix=f"use one of {', '.join(map(repr, sorted(self._measures)))}"
            )
        return float(self._measures[name][self.row(sample)])
