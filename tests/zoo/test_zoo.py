"""Every model of the zoo: the generated code computes what the user's model computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retix.codegen import generate
from retix.ir import Model
from tests.zoo.same import assert_same
from tests.zoo.zoo import ZOO, Animal, Captured

Capture = Callable[[Animal], Captured]

ANIMALS = [
    pytest.param(
        animal, id=animal.name, marks=[pytest.mark.xfail(reason=animal.broken, strict=True)] if animal.broken else []
    )
    for animal in ZOO
]


@pytest.mark.parametrize("animal", ANIMALS)
def test_computes_the_same(animal: Animal, captured: Capture) -> None:
    """Outputs, gradients and buffers are equal, in both modes, also for a batch that was not traced."""
    assert_same(animal, captured(animal))


@pytest.mark.parametrize("animal", ANIMALS)
def test_state_names_are_exact(animal: Animal, captured: Capture) -> None:
    """Every parameter and buffer of the generated model has its name in the base model, and nothing else is named."""
    found = captured(animal)
    assert set(found.build().state_dict()) == set(found.source.state_names)
    assert set(found.source.state_names.values()) <= set(found.module.state_dict())


@pytest.mark.parametrize("animal", ANIMALS)
def test_text_is_stable(animal: Animal, captured: Capture) -> None:
    """The same model gives the same text, also from its JSON, and generating leaves it as it was."""
    found = captured(animal)
    before = str(found.model)
    assert generate(found.model).text == found.source.text
    assert str(found.model) == before
    assert generate(Model.from_json(found.model.to_json())).text == found.source.text
