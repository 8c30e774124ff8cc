"""The example of weight sharing: one father, three children."""

from __future__ import annotations

from pathlib import Path

from retix.execution import LocalEngine
from tests.experiment.family import check_family, check_nothing_is_left_of_the_father, run_family


def test_a_father_and_three_children(tmp_path: Path) -> None:
    """On four workers, children that are proposed at once wait for their father's weights, and then read them."""
    with LocalEngine(4) as engine:
        reader = run_family(engine, tmp_path)
    check_family(reader)
    check_nothing_is_left_of_the_father(reader)
