"""A small made-up table for the tests of the benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy

from retix.benchmark import Table, load_table, write_table
from retix.space import Decision, DecisionSpace

DECISIONS = [Decision("width", (1, 2, 3, 4, 5)), Decision("kind", ("a", "b")), Decision("depth", (1, 2, 3, 4))]
SEEDS, EPOCHS = 3, 9


def make_table(path: Path) -> Table:
    """Forty networks whose accuracy grows with width and depth, and epoch by epoch; seeds differ a little."""
    samples = list(DecisionSpace(DECISIONS).grid())
    final = numpy.array([300 + 80 * s["width"] + 40 * s["depth"] + 20 * (s["kind"] == "b") for s in samples])
    epochs = numpy.linspace(0.3, 1.0, EPOCHS)
    right = final[:, None, None] * epochs + numpy.array([0, 3, 6])[None, :, None]
    write_table(
        path,
        [decision.to_json() for decision in DECISIONS],
        right.astype(numpy.uint16),
        numpy.full((len(samples), SEEDS), 50, dtype=numpy.uint16),
        {"parameters": numpy.array([100.0 * s["width"] * s["depth"] for s in samples])},
        {"validated": 1000, "tested": 100},
    )
    return load_table(path)
