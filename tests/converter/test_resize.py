"""The same example inputs in other sizes."""

from __future__ import annotations

import torch

from retix.converter.resize import double_batch, find_sizes, vary_size

INPUTS = ((torch.arange(12.0).view(2, 3, 2), torch.ones(5)), {"mask": torch.ones(2, 3, 3), "n": torch.tensor(4)})


def test_double_batch() -> None:
    """The batch is where the first tensor has it; what has another size there, or none, stays."""
    (x, y), named = double_batch(INPUTS)
    assert torch.equal(x, torch.cat([INPUTS[0][0]] * 2))
    assert y is INPUTS[0][1]
    assert named["mask"].shape == (4, 3, 3)
    assert named["n"] is INPUTS[1]["n"]


def test_find_sizes() -> None:
    """Each size behind the batch counts once; a size of 1 has nothing to vary."""
    assert find_sizes(INPUTS) == [3, 2]
    assert find_sizes(((torch.ones(4, 1),), {})) == []


def test_vary_size() -> None:
    """Equal sizes change together: first to half, then to twice."""
    half, double = vary_size(INPUTS, 3)
    assert half[0][0].shape == (2, 1, 2)
    assert half[1]["mask"].shape == (2, 1, 1)
    assert double[0][0].shape == (2, 6, 2)
    assert double[1]["mask"].shape == (2, 6, 6)
    assert torch.equal(double[0][0][:, :3], INPUTS[0][0])
