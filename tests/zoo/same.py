"""Whether a generated model of the zoo does what the user's model does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from tests.zoo.zoo import Animal, Captured


def assert_same(animal: Animal, found: Captured) -> None:
    """Outputs, gradients and buffers are equal, in both modes, also for a batch of another size."""
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
