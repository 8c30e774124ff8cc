"""What the tests of the zoo share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.zoo.zoo import Animal, Captured, capture


@pytest.fixture(scope="session")
def captured() -> Callable[[Animal], Captured]:
    """Converts and generates each animal once."""
    known: dict[str, Captured] = {}

    def look_up(animal: Animal) -> Captured:
        if animal.name not in known:
            known[animal.name] = capture(animal)
        return known[animal.name]

    return look_up
