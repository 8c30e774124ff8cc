"""Tables of trained networks."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from benchmarks import table as making
from retix.benchmark import DIGITS, load_table
from retix.errors import ConfigError, SpaceError
from retix.space import Sample
from tests.benchmark.tables import EPOCHS, SEEDS, make_table


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Counts become accuracies, rows are in the order of the grid, and measures are found by name."""
    table = make_table(tmp_path / "table.npz")
    assert (table.networks, table.seeds, table.epochs) == (40, SEEDS, EPOCHS)
    sample = Sample({"width": 5, "kind": "b", "depth": 4})
    row = table.row(sample)
    assert table.space.sample(row) == sample
    assert table.accuracy[row, :, -1] == pytest.approx([0.88, 0.883, 0.886])
    assert table.quality[row] == pytest.approx(0.883)
    assert table.test[row] == pytest.approx([0.5] * 3)
    assert table.space.measure(sample, "parameters") == 2000
    assert table.top(0.01) == {row}
    assert len(table.top(0.1)) == 4


def test_what_a_table_does_not_have(tmp_path: Path) -> None:
    """Unknown measures and samples are refused, with what there is."""
    table = make_table(tmp_path / "table.npz")
    with pytest.raises(SpaceError, match=r"(?s)no measure 'flops'.*'parameters'"):
        table.space.measure(table.space.sample(0), "flops")
    with pytest.raises(SpaceError, match="no network"):
        table.row(Sample({"width": 9}))


@pytest.mark.parametrize("content", [None, b"something else"])
def test_what_is_no_table(tmp_path: Path, content: bytes | None) -> None:
    """A missing or foreign file is refused by name."""
    path = tmp_path / "other.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.npz is no table"):
        load_table(path)


def test_the_table_of_digits() -> None:
    """The table that comes with retix is whole, small, and of networks that differ."""
    table = load_table()
    assert DIGITS.stat().st_size < 500_000
    assert (table.networks, table.seeds, table.epochs) == (1728, 3, 12)
    assert numpy.isfinite(table.accuracy).all()
    assert table.accuracy.min() >= 0
    assert 0.95 < table.quality.max() < 1
    assert {"parameters", "flops", "naswot", "synflow"} <= set(table.measures)
    assert len(table.top()) == 17
    assert all(len(values) == table.networks and numpy.isfinite(values).all() for values in table.measures.values())


def test_the_table_of_digits_can_be_made_again() -> None:
    """Its space is that of the network it names, and a network that is trained again comes out as recorded."""
    table = load_table()
    space = making.open_space()
    assert list(space.grid()) == table.space.samples
    sample = table.space.sample(min(table.top()))
    right, tested = making.train(space, sample, making.Digits(), seed=0)
    recorded = table.accuracy[table.row(sample), 0]
    # Other processors round otherwise, and training amplifies that.
    assert right[-1] / making.VALIDATED == pytest.approx(float(recorded[-1]), abs=0.03)
    assert tested / making.TESTED == pytest.approx(float(table.test[table.row(sample), 0]), abs=0.05)
