"""What is remembered of a trial."""

from __future__ import annotations

import json

import pytest

from retix.space import Sample
from retix.strategy.optuna.record import Record

RECORDS = [
    Record(Sample({"op": "conv", "inputs": (0, 2)})),
    Record(Sample({"op": "mlp"}), "complete", (-0.5, 3.0), violation=0.0, marks={"generation": 2}),
    Record(Sample(), "pruned", (-0.25,), steps=4, path=((1, -0.125), (4, -0.25))),
    Record(Sample(), "failed"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stage)
def test_json(record: Record) -> None:
    """A record goes to JSON text and back."""
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_results() -> None:
    """Samplers learn from what is complete, and from what was pruned."""
    assert [record.is_result for record in RECORDS] == [False, True, True, False]
