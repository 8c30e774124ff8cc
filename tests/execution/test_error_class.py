"""Errors of torch's own, each made by torch, and what they are taken for."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from retix.execution.error_class import is_out_of_memory, is_shape_error

r = torch.randn

# Wrong sizes, one line for each way in which torch objects.
MISFITS: dict[str, Callable[[], object]] = {
    "linear": lambda: nn.Linear(3, 4)(r(2, 5)),
    "linear without bias": lambda: nn.Linear(3, 4, bias=False)(r(2, 2, 5)),
    "linear on meta": lambda: nn.Linear(3, 4, device="meta")(r(2, 5, device="meta")),
    "conv": lambda: nn.Conv2d(3, 4, 3)(r(2, 5, 8, 8)),
    "conv of too few dimensions": lambda: nn.Conv2d(3, 4, 3)(r(2, 5)),
    "conv with a large kernel": lambda: nn.Conv2d(3, 4, 5)(r(2, 3, 2, 2)),
    "conv with groups": lambda: F.conv2d(r(2, 4, 8, 8), r(4, 3, 3, 3), groups=2),
    "transposed conv": lambda: nn.ConvTranspose2d(3, 4, 3)(r(2, 5, 8, 8)),
    "batch norm": lambda: nn.BatchNorm2d(3)(r(2, 5, 4, 4)),
    "batch norm of too few dimensions": lambda: nn.BatchNorm2d(3)(r(2, 3)),
    "batch norm 1d": lambda: nn.BatchNorm1d(3)(r(2, 3, 3, 3)),
    "batch norm of one sample": lambda: nn.BatchNorm1d(3)(r(1, 3)),
    "instance norm": lambda: nn.InstanceNorm2d(3, affine=True)(r(2, 5, 4, 4)),
    "instance norm of one pixel": lambda: nn.InstanceNorm2d(3)(r(2, 3, 1, 1)),
    "layer norm": lambda: nn.LayerNorm(7)(r(2, 5)),
    "group norm": lambda: nn.GroupNorm(2, 4)(r(2, 6, 3, 3)),
    "group norm, odd": lambda: nn.GroupNorm(2, 4)(r(2, 5, 3, 3)),
    "rms norm": lambda: nn.RMSNorm(7)(r(2, 5)),
    "prelu": lambda: nn.PReLU(3)(r(2, 5, 4)),
    "glu": lambda: F.glu(r(2, 3)),
    "add": lambda: r(2, 3) + r(2, 4),
    "add in place": lambda: r(3).add_(r(2, 3)),
    "cat": lambda: torch.cat([r(2, 3, 4), r(2, 3, 5)], 1),
    "cat of other dimensions": lambda: torch.cat([r(2, 3), r(2, 3, 5)], 1),
    "stack": lambda: torch.stack([r(2, 3), r(2, 4)]),
    "view": lambda: r(2, 3).view(7),
    "view of strides": lambda: r(2, 3).t().view(6),
    "reshape": lambda: r(2, 3).reshape(-1, 4),
    "unflatten": lambda: nn.Unflatten(1, (2, 2))(r(2, 5)),
    "flatten": lambda: r(2, 3).flatten(3),
    "permute": lambda: r(2, 3).permute(0, 2, 1),
    "expand": lambda: r(2, 3).expand(4, 3),
    "split": lambda: r(5).split([2, 2]),
    "narrow": lambda: r(2, 3).narrow(1, 2, 4),
    "too many indices": lambda: r(2, 3)[:, :, 0],
    "mask": lambda: r(2, 3)[r(3, 3) > 0],
    "gather": lambda: torch.gather(r(2, 3), 0, torch.zeros(5, 5, dtype=torch.long)),
    "matmul": lambda: r(2, 3) @ r(4, 5),
    "mm": lambda: torch.mm(r(2, 3, 3), r(4, 5)),
    "bmm": lambda: torch.bmm(r(2, 3, 4), r(2, 5, 4)),
    "mv": lambda: r(2, 3) @ r(4),
    "dot": lambda: r(3) @ r(4),
    "outer": lambda: torch.outer(r(2, 2), r(3)),
    "einsum": lambda: torch.einsum("ij,jk->ik", r(2, 3), r(4, 5)),
    "tensordot": lambda: torch.tensordot(r(2, 3), r(4, 5), 1),
    "bilinear": lambda: nn.Bilinear(3, 4, 5)(r(2, 3), r(2, 5)),
    "pooling": lambda: nn.MaxPool2d(5)(r(2, 3, 2, 2)),
    "pooling of too few dimensions": lambda: nn.MaxPool2d(2)(r(2, 3)),
    "unpooling": lambda: nn.MaxUnpool2d(2)(r(1, 1, 2, 2), torch.zeros(1, 1, 3, 3, dtype=torch.long)),
    "padding": lambda: F.pad(r(2, 3), (1, 1, 1, 1, 1, 1)),
    "reflecting padding": lambda: F.pad(r(2, 3, 4), (6, 6), mode="reflect"),
    "pixel shuffle": lambda: nn.PixelShuffle(2)(r(2, 3, 4, 4)),
    "channel shuffle": lambda: nn.ChannelShuffle(2)(r(1, 3, 2, 2)),
    "interpolation": lambda: F.interpolate(r(2, 3), scale_factor=2),
    "folding": lambda: nn.Fold((4, 4), 2)(r(2, 3, 4)),
    "lstm": lambda: nn.LSTM(3, 4)(r(2, 2, 5)),
    "lstm of too many dimensions": lambda: nn.LSTM(3, 4)(r(2, 2, 5, 5)),
    "hidden state": lambda: nn.LSTM(3, 4)(r(2, 2, 3), (r(1, 3, 4), r(1, 3, 4))),
    "lstm cell": lambda: nn.LSTMCell(3, 4)(r(2, 5)),
    "attention": lambda: nn.MultiheadAttention(4, 2)(r(3, 2, 5), r(3, 2, 5), r(3, 2, 5)),
    "attention to others": lambda: nn.MultiheadAttention(4, 2)(r(3, 2, 4), r(3, 2, 4), r(4, 2, 4)),
    "dot product attention": lambda: F.scaled_dot_product_attention(r(2, 3, 4), r(2, 3, 5), r(2, 3, 4)),
    "cross entropy": lambda: F.cross_entropy(r(4, 3), torch.zeros(5, dtype=torch.long)),
    "cross entropy of pixels": lambda: F.cross_entropy(r(4, 3, 2), torch.zeros(4, dtype=torch.long)),
    "squared error": lambda: F.mse_loss(r(4, 3), r(4, 2)),
    "binary cross entropy": lambda: F.binary_cross_entropy(torch.rand(4, 3), torch.rand(4, 2)),
    "with logits": lambda: F.binary_cross_entropy_with_logits(r(4, 3), r(4, 2)),
}

# Errors of torch's that are about something else.
OTHERS: dict[str, Callable[[], object]] = {
    "class": lambda: F.cross_entropy(r(4, 3), torch.full((4,), 7)),
    "word": lambda: nn.Embedding(3, 4)(torch.tensor([5])),
    "dtype": lambda: nn.Linear(3, 4)(torch.ones(2, 3, dtype=torch.long)),
    "device": lambda: nn.Linear(3, 4)(torch.ones(2, 3, device="meta")),
    "backward": lambda: r(3, requires_grad=True).backward(),
    "checkpoint": lambda: nn.Linear(2, 2).load_state_dict(nn.Linear(3, 2).state_dict()),
    "attribute": lambda: nn.Linear(2, 2).width,
    "unpacking": lambda: dict([(1, 2, 3)]),  # type: ignore[list-item]  # that is what is tested
}


def catch(function: Callable[[], object]) -> Exception:
    """What the function raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function()
        except Exception as error:
            return error
    raise AssertionError("it raised nothing")


@pytest.mark.parametrize("name", MISFITS)
def test_sizes_that_do_not_fit(name: str) -> None:
    """Whatever torch refuses for its size is a shape error, and none of memory."""
    error = catch(MISFITS[name])
    assert is_shape_error(error), str(error)
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("name", OTHERS)
def test_other_errors_of_torch(name: str) -> None:
    """Wrong types, devices, classes and checkpoints are no shape errors."""
    error = catch(OTHERS[name])
    assert not is_shape_error(error), str(error)
    assert not is_out_of_memory(error)


def test_the_users_own_words() -> None:
    """An error of the user's that is not of a type torch raises is not taken for torch's."""
    assert not is_shape_error(KeyError("mat1 and mat2 shapes cannot be multiplied"))


def test_long_texts() -> None:
    """A worker's traceback, with the error itself at its end, is read; a printed tensor takes no time."""
    shape = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4)"
    assert is_shape_error(RuntimeError("Caught RuntimeError in worker.\n" + "  File x\n" * 1000 + shape))
    assert not is_shape_error(ValueError("x" * 10_000_000))
    assert not is_shape_error(ValueError("Expected 1" * 1_000_000))


def test_a_cause_counts() -> None:
    """An error that was raised from another is known by that one, also where careless code closes a circle."""
    inner, outer = catch(MISFITS["matmul"]), KeyError("my layer failed")
    outer.__cause__ = inner
    assert is_shape_error(outer)
    inner.__cause__ = outer
    assert is_shape_error(outer)
    assert not is_out_of_memory(outer)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: torch.empty(2**58),
        lambda: numpy.empty(2**58),
        lambda: bytearray(2**60),
    ],
    ids=["torch", "numpy", "python"],
)
def test_memory_of_the_host(ask: Callable[[], object]) -> None:
    """Asking for more than any machine has is no shape error."""
    error = catch(ask)
    assert is_out_of_memory(error), repr(error)
    assert not is_shape_error(error)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory"),
        RuntimeError("unable to mmap 8 bytes from file </torch_1>: Cannot allocate memory (12)"),
        RuntimeError("DataLoader worker (pid 71) is killed by signal: Killed. "),
        RuntimeError("DataLoader worker (pid(s) 71, 72) is killed by signal: Bus error. "),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=str,
)
def test_memory_in_the_words_of_others(error: Exception) -> None:
    """What devices, loaders and the operating system say when memory has run out."""
    assert is_out_of_memory(error)


def test_no_memory_error() -> None:
    """Other errors of the operating system, and words of the user's, are none."""
    assert not is_out_of_memory(OSError(28, "No space left on device"))
    assert not is_out_of_memory(ValueError("out of memory of words"))


def test_an_error_that_cannot_be_printed() -> None:
    """An error whose own text fails is nothing known."""

    class UnprintableError(RuntimeError):
        def __str__(self) -> str:
            raise ValueError

    assert not is_shape_error(UnprintableError())
    assert not is_out_of_memory(UnprintableError())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_memory_of_a_gpu() -> None:
    """CUDA's own error when a GPU has no memory left, and its shape errors, are known."""
    assert is_out_of_memory(catch(lambda: torch.empty(2**48, device="cuda")))
    assert is_shape_error(catch(lambda: nn.Linear(3, 4, device="cuda")(r(2, 5, device="cuda"))))
    assert is_shape_error(catch(lambda: nn.Conv2d(3, 4, 3, device="cuda")(r(2, 5, 8, 8, device="cuda"))))
