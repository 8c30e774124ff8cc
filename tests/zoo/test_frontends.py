"""The zoo through all three front ends: what each takes computes the same, and what it does not take it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from retix.errors import ConversionError
from tests.zoo.refusals import OTHER_DIGESTS, REFUSALS
from tests.zoo.same import assert_same
from tests.zoo.zoo import ZOO, Animal, Captured, capture

Capture = Callable[[Animal, str], Captured]

FRONTENDS = ("trace", "script", "fx")
TABLE = Path(__file__).parents[2] / "docs" / "frontends.md"

PAIRS = [pytest.param(animal, name, id=f"{animal.name}-{name}") for animal in ZOO for name in FRONTENDS]


@pytest.mark.parametrize(("animal", "frontend"), PAIRS)
def test_takes_or_refuses(animal: Animal, frontend: str, captured: Capture) -> None:
    """A front end takes an animal, and the generated code does the same; or it says why not, and names a line."""
    refusal = REFUSALS.get((animal.name, frontend))
    if refusal is not None:
        with pytest.raises(ConversionError, match=re.escape(refusal)) as caught:
            capture(animal, frontend)
        assert caught.value.fix
        assert caught.value.where is not None or animal.name == "NormedVocoder"  # torch's own code has no user's line
        return
    found = captured(animal, frontend)
    assert found.model.capture is not None
    assert found.model.capture.frontend == frontend
    if frontend != animal.frontend:  # by that, `test_zoo` compares it
        assert_same(animal, found)


@pytest.mark.parametrize("animal", [pytest.param(animal, id=animal.name) for animal in ZOO if not animal.scripted])
def test_digests_are_equal(animal: Animal, captured: Capture) -> None:
    """torch.fx gives the graph that a trace gives, but for the animals that are listed."""
    is_equal = captured(animal, "fx").model.digest() == captured(animal, "trace").model.digest()
    assert is_equal == (animal.name not in OTHER_DIGESTS)


def test_table_is_true() -> None:
    """The table in the docs says of every animal and front end what the tests say."""
    _, _, zoo = TABLE.read_text().partition("## The zoo")
    rows = [line for line in zoo.splitlines() if line.startswith("| `")]
    assert rows == [write_row(animal) for animal in ZOO]


def write_row(animal: Animal) -> str:
    """A row of the table: the animal, and what each front end says of it."""
    cells = [REFUSALS.get((animal.name, name), "✓").replace("|", "\\|") for name in FRONTENDS]
    return f"| `{animal.name}` | {' | '.join(cells)} |"
