"""What the tests of the zoo share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.zoo.zoo import Animal, Captured, capture


@pytest.fixture(scope="session")
def captured() -> Callable[..., Captured]:
    """Converts and generates each animal once by each front end."""
    known: dict[tuple[str, str], Captured] = {}

    def look_up(animal: Animal, frontend: str | None = None) -> Captured:
        key = animal.name, frontend or animal.frontend
        if key not in known:
            known[key] = capture(animal, frontend)
        return known[key]

    return look_up
