from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retix.errors import ExecutionError
from retix.execution.failure import MESSAGE_LENGTH, TRACEBACK_LENGTH, describe_error
from retix.execution.loss import is_process_spoiled
from retix.trial import Failure, FailureKind

NOWHERE = Path("nowhere/model.py")


def describe(error: BaseException) -> Failure:
    """The failure of an error as it comes out of a function."""
    try:
        raise error
    except BaseException as raised:
        return describe_error(raised, FailureKind.RAISED, NOWHERE)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    ],
)
def test_out_of_memory(error: BaseException) -> None:
    """The ways in which torch and Python say that memory ran out; the process is not to be trusted after it."""
    failure = describe(error)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert is_process_spoiled(failure)


def test_sizes_that_do_not_fit() -> None:
    """What torch refuses for its size is told by its own kind; the process is good for more trials."""
    failure = describe(RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4)"))
    assert failure.kind is FailureKind.SHAPE
    assert not is_process_spoiled(failure)


def test_sizes_only_of_what_the_user_wrote() -> None:
    """While a module is imported, or the evaluator is rebuilt, that is what failed, whatever the error says."""
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4)")
    assert describe_error(error, FailureKind.IMPORT, NOWHERE).kind is FailureKind.IMPORT
    assert describe_error(MemoryError(), FailureKind.IMPORT, NOWHERE).kind is FailureKind.OUT_OF_MEMORY


def test_other_errors() -> None:
    """The kind is what the caller says; the process is good for more trials."""
    failure = describe(ValueError("out of memory of words"))
    assert (failure.kind, failure.error) == (FailureKind.RAISED, "ValueError")
    assert not is_process_spoiled(failure)


def test_a_broken_cuda_context() -> None:
    """After an illegal access CUDA refuses everything, so the process is given up."""
    assert is_process_spoiled(describe(RuntimeError("CUDA error: device-side assert triggered")))


def test_one_line() -> None:
    """A message of many lines is told by its first one; the traceback has them all."""
    failure = describe(ValueError("first\nsecond"))
    assert failure.message == "ValueError: first"
    assert "second" in failure.traceback


def test_an_empty_message() -> None:
    """An error without a message is told by its name."""
    assert describe(ValueError()).message == "ValueError"


def test_the_fix_is_told() -> None:
    """An error of retix tells what to do."""
    assert describe(ExecutionError("it broke", why="age", fix="mend it")).message == "ExecutionError: it broke: mend it"


def test_lengths_are_limited() -> None:
    """An error that prints a whole tensor does not fill the store."""
    failure = describe(ValueError("x" * 1_000_000))
    assert len(failure.message) == MESSAGE_LENGTH
    assert len(failure.traceback) == TRACEBACK_LENGTH


def test_an_error_that_cannot_be_printed() -> None:
    """An exception whose own text fails is still described."""

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(UnprintableError()).error == "UnprintableError"
