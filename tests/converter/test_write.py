"""Which functions may write to the tensors that they are given."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from retix.converter.write import may_write

X = torch.ones(3, 4)


class Asking(TorchFunctionMode):
    """Notes what the functions that are called may do."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bool] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.answers.append(may_write(func, args, kwargs or {}))
        return func(*args, **(kwargs or {}))


def asked(call: Any) -> bool:
    """Whether any function in ``call`` may write."""
    with Asking() as mode:
        call(X.clone())
    assert mode.answers
    return any(mode.answers)


READS = {
    "method": lambda x: x.mul(2),
    "operator": lambda x: x * 2 + x,
    "function": lambda x: F.linear(x, x),
    "item": lambda x: x[0, 1:],
    "attribute": lambda x: x.data,
    "norm": lambda x: F.layer_norm(x, (4,)),
    "embedding": lambda x: F.embedding(torch.tensor([1]), x),
}
WRITES = {
    "method": lambda x: x.mul_(2),
    "operator": lambda x: x.__iadd__(1),
    "item": lambda x: x.__setitem__(0, 5.0),
    "attribute": lambda x: setattr(x, "data", X * 2),
    "out": lambda x: torch.mul(x, 2, out=x),
    "inplace": lambda x: F.relu(x, True),
    "inplace by name": lambda x: F.leaky_relu(x, inplace=True),
    "batch norm": lambda x: F.batch_norm(X, x[0], x[1], training=True),
    "embedding": lambda x: F.embedding(torch.tensor([1]), x, max_norm=0.5),
    "memory": lambda x: x.numpy(),
    "raw operator": lambda x: torch.ops.aten.mul_.Scalar(x, 2.0),
    "raw operators": lambda x: torch.ops.aten.mul_(x, 2.0),
}


@pytest.mark.parametrize("name", READS)
def test_reading(name: str) -> None:
    """What only reads costs no copy."""
    assert not asked(READS[name])


@pytest.mark.parametrize("name", WRITES)
def test_writing(name: str) -> None:
    """What writes, or hands out memory, is known before it runs."""
    assert asked(WRITES[name])


def test_functions_of_others() -> None:
    """A user's function that takes part in the protocol may do anything; the stand-ins of the trace write nothing."""

    def mine(x: Any) -> Any:
        return x

    assert may_write(mine, (X,), {})
    assert not may_write(torch.ops.retix.mark, (X, "x", 1), {})
