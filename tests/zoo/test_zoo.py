"""Every model of the zoo: the generated code computes what the user's model computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from retix.codegen import generate
from retix.ir import Model
from tests.zoo.zoo import ZOO, Animal, Captured

Capture = Callable[[Animal], Captured]

ANIMALS = [
    pytest.param(
        animal, id=animal.name, marks=[pytest.mark.xfail(reason=animal.broken, strict=True)] if animal.broken else []
    )
    for animal in ZOO
]


def run(module: nn.Module, args: Any, kwargs: Any, training: bool) -> tuple[list[Tensor], Any, dict[str, Tensor]]:
    """Tensors and structure of the output, and the gradients, from one seed."""
    module.train(training)
    module.zero_grad()
    args, kwargs = pytree.tree_map(torch.clone, (args, kwargs))
    torch.manual_seed(1)
    leaves, structure = pytree.tree_flatten(module(*args, **kwargs))
    losses = [leaf.square().sum() for leaf in leaves if leaf.requires_grad]
    torch.stack(losses).sum().backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    return leaves, structure, gradients


@pytest.mark.parametrize("animal", ANIMALS)
def test_computes_the_same(animal: Animal, captured: Capture) -> None:
    """Outputs, gradients and buffers are equal, in both modes, also for a batch that was not traced."""
    found = captured(animal)
    made = found.build()
    names = found.source.state_names
    for batch in (2, 3):
        torch.manual_seed(batch)
        args, kwargs = animal.inputs(batch)
        for training in (False, True):
            expected, structure, expected_gradients = run(found.module, args, kwargs, training)
            actual, made_structure, gradients = run(made, args, kwargs, training)
            assert made_structure == structure
            assert all(torch.equal(a, b) for a, b in zip(expected, actual, strict=True))
            assert gradients
            for name, gradient in gradients.items():
                assert torch.equal(gradient, expected_gradients[names[name]]), name
    for name, tensor in made.state_dict().items():
        assert torch.equal(tensor, found.module.state_dict()[names[name]]), name


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
