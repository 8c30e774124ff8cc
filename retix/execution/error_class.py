"""What torch and the operating system tell by the text of an error alone: that sizes do not fit, or memory ran out."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

import torch

# What torch's layers and operators raise when they refuse the sizes of what they are given. That an index or a class is
# out of range is no question of the model's sizes, and neither is a wrong type or device.
_SHAPE_ERRORS = (RuntimeError, ValueError, IndexError, AssertionError, NotImplementedError)

_SHAPE_WORDS = re.compile(
    "|".join(
        (
            # products
            r"shapes cannot be multiplied",
            r"must have same reduction dim",
            r"Expected size for first two dimensions of batch2",
            r"size mismatch, got input",
            r"inconsistent tensor size, expected tensor",
            r"(self|mat1|mat2|batch1|batch2) must be a (matrix|3D tensor)",
            r"Expected 1-D argument \w+, but got",
            r"einsum\(\): ",
            r"contracted dimensions need to match",
            r"input\d? size does not match weight size",
            # element by element
            r"The size of tensor a \(.*\) must match the size of tensor b",
            r"The expanded size of the tensor \(.*\) must match the existing size",
            r"output with shape \[.*\] doesn't match the broadcast shape",
            # putting together and taking apart
            r"Sizes of tensors must match except in dimension",
            r"Tensors must have same number of dimensions",
            r"stack expects each tensor to be equal size",
            r"split_with_sizes expects split_sizes to sum exactly",
            r"start \(.*\) \+ length \(.*\) exceeds dimension size",
            r"Size does not match at dimension",
            r"The shape of the mask \[.*\] at index",
            r"Halving dimension must be even",
            # other views of the same numbers
            r"shape '\[.*\]' is invalid for input of size",
            r"view size is not compatible with input tensor's size",
            r"unflatten: Provided sizes .* don't multiply up",
            r"number of dimensions in the tensor input does not match",
            r"Dimension out of range",
            r"too many indices for tensor of dimension",
            r"pixel_(un)?shuffle expects",
            r"Number of channels must be divisible by groups",
            # convolution, pooling, padding
            r"Given (groups|transposed)=\d+, (transposed=\d+, )?(expected )?weight",
            r"Expected \d+D .*input to conv",
            r"Calculated padded input size per channel",
            r"Calculated output size: .* is too small",
            r"non-empty .* tensor expected for input",
            r"[Pp]adding (length|size) should be (less|at most)",
            r"Only 3D, 4D and 5D input Tensors supported",
            r"Expected shape of indices to be same as that of the input",
            r"Expected size of input's dimension",
            # normalisation and activation
            r"running_mean should contain",
            r"weight should contain \d+ elements",
            r"[Ee]xpected [\dD, or]+ input \(got",
            r"Expected \dD or higher dimensionality",
            r"Expected more than 1 (value per channel|spatial element) when training",
            r"to match num_features",
            r"Given normalized_shape=",
            r"to be a vector of size equal to the number of channels",
            r"number of channels in input to be divisible by num_groups",
            r"Mismatch of parameter numbers and input channel size",
            # sequences
            r"input\.size\(-1\) must be equal to input_size",
            r"Expected (input|hidden).* to be [\dD or]+, got",
            r"Expected hidden\S* size",
            r"input has inconsistent (input|hidden)_size",
            r"was expecting embedding dimension of",
            r"key shape .* does not match value shape",
            # losses
            r"Expected input batch_size \(.*\) to match target batch_size",
            r"Expected target size",
            r"Target size \(.*\) must be the same as input size",
            r"Using a target size \(.*\) that is different to the input size",
        )
    )
)

# Allocators, CUDA's libraries, the loader's workers and the operating system, each in its own words.
_MEMORY_WORDS = re.compile(
    r"can't allocate memory|not enough memory|[Cc]annot allocate memory|ALLOC_FAILED|out of memory"
    r"|out of shared memory|DataLoader worker \(pid\(?s?\)? .*\) is killed by signal: (Killed|Bus error)"
)

_TEXT_LENGTH = 2000


def is_shape_error(error: BaseException) -> bool:
    """Whether torch refused an input for its sizes, or for how many dimensions it has."""
    return any(isinstance(one, _SHAPE_ERRORS) and _SHAPE_WORDS.search(_text(one)) for one in _causes(error))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory left, on the device or on the host."""
    return any(_is_about_memory(one) for one in _causes(error))


def _is_about_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and _MEMORY_WORDS.search(_text(error)) is not None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _text(error: BaseException) -> str:
    """The beginning and the end of what an error says: it may print a whole tensor, or another process's traceback."""
    try:
        text = str(error)
    except Exception:
        return ""
    return text if len(text) <= 2 * _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}\n{text[-_TEXT_LENGTH:]}"
