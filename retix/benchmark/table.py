"""A table of trained networks: what searching costs nothing in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from retix.benchmark.tabular_space import TabularSpace
from retix.errors import ConfigError
from retix.space import Decision, Sample

DIGITS = Path(__file__).with_name("digits.npz")
"""The table that comes with retix; ``python -m benchmarks.table`` of its repository made it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Every network of a space, trained from several seeds, with the result of every epoch.

    Attributes:
        space: The space; its grid is in the order of the rows.
        accuracy: On the validation images, of shape (networks, seeds, epochs), between 0 and 1.
        test: On the test images after the last epoch, of shape (networks, seeds).
        measures: What is known without training, by name, each of shape (networks,).
        about: How it was made: data, optimiser, versions.
    """

    space: TabularSpace
    accuracy: NDArray[numpy.float32]
    test: NDArray[numpy.float32]
    measures: Mapping[str, NDArray[numpy.float64]]
    about: Mapping[str, Any]

    @property
    def networks(self) -> int:
        """How many there are."""
        return len(self.accuracy)

    @property
    def seeds(self) -> int:
        """From how many seeds each was trained."""
        return int(self.accuracy.shape[1])

    @property
    def epochs(self) -> int:
        """For how many epochs each was trained."""
        return int(self.accuracy.shape[2])

    @property
    def quality(self) -> NDArray[numpy.float64]:
        """The final validation accuracy of each network, the mean over the seeds: what a search is after."""
        mean: NDArray[numpy.float64] = self.accuracy[:, :, -1].mean(axis=1, dtype=numpy.float64)
        return mean

    def top(self, share: float = 0.01) -> frozenset[int]:
        """The best networks, as rows: ``share`` of all, rounded, at least one; ties go to the lower row."""
        count = max(1, round(share * self.networks))
        order = numpy.argsort(-self.quality, kind="stable")
        return frozenset(int(row) for row in order[:count])

    def row(self, sample: Sample) -> int:
        """The row of a sample.

        Raises:
            SpaceError: It is not in the space.
        """
        return self.space.row(sample)


def write_table(
    path: Path,
    decisions: list[dict[str, Any]],
    right: NDArray[numpy.uint16],
    tested: NDArray[numpy.uint16],
    measures: Mapping[str, NDArray[numpy.float64]],
    about: Mapping[str, Any],
) -> None:
    """Write a table, compressed.

    Args:
        path: The file, ``.npz``.
        decisions: The decisions of the space as `DecisionSpace.to_json` gives them.
        right: How many validation images were recognised, (networks, seeds, epochs), rows as in the space's grid.
        tested: How many test images were recognised after the last epoch, (networks, seeds).
        measures: By name, (networks,).
        about: Holds ``validated`` and ``tested``, the numbers of images.
    """
    document = json.dumps({"decisions": decisions, "about": dict(about)})
    arrays: dict[str, Any] = {f"measure_{name}": values.astype(numpy.float32) for name, values in measures.items()}
    # Accuracy changes little from epoch to epoch: differences compress to two thirds.
    steps = numpy.diff(right.astype(numpy.int16), axis=2, prepend=0).astype(numpy.int16)
    numpy.savez_compressed(path, document=numpy.array(document), steps=steps, tested=tested, **arrays)


def load_table(path: Path = DIGITS) -> Table:
    """Read a table; by default the one of handwritten digits that comes with retix.

    Raises:
        ConfigError: There is no such file, or it is no table.
    """
    try:
        with numpy.load(path, allow_pickle=False) as file:
            document = json.loads(str(file["document"]))
            right = file["steps"].cumsum(axis=2)
            tested = file["tested"]
            measures = {
                name.removeprefix("measure_"): file[name].astype(numpy.float64)
                for name in file.files
                if name.startswith("measure_")
            }
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(
            f"{path.name} is no table of trained networks: {error}",
            where=str(path),
            fix="use the one that comes with retix, or one that retix.benchmark.write_table wrote",
        ) from error
    about = document["about"]
    space = TabularSpace((Decision.from_json(item) for item in document["decisions"]), measures)
    accuracy = (right / about["validated"]).astype(numpy.float32)
    return Table(space, accuracy, (tested / about["tested"]).astype(numpy.float32), measures, about)
