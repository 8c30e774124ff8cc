"""The example of weight sharing, one father and three children, on three nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from retix.execution import RayEngine
from tests.execution.ray.running import fill
from tests.experiment.family import check_family, check_nothing_is_left_of_the_father, run_family


@pytest.mark.parametrize("name", ["together", "apart"])
def test_a_father_and_three_children(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """Children on three nodes wait for their father's weights and read them, with and without a shared folder."""
    engine: RayEngine = request.getfixturevalue(name)
    fill(engine, tmp_path / "before")
    reader = run_family(engine, tmp_path)
    check_family(reader)
    check_nothing_is_left_of_the_father(reader)
