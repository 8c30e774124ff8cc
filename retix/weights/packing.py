"""Tensors as the bytes of one safetensors file that carries its own checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from retix.errors import StoreError

OWN = "retix_"
"""How the names of the store's own metadata begin."""

_DIGEST_LENGTH = 64
_BLANK = b"0" * _DIGEST_LENGTH
# Quotes within a string of JSON are escaped, so these bytes can only be the name of the checksum.
_DIGEST_NAME = f"{OWN}sha256"
_MARK = f'"{_DIGEST_NAME}":"'.encode()
_LENGTH_BYTES = 8

HEADER_GUESS = 1 << 16
"""Bytes that hold the header of most files."""


def pack(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """The parts of a safetensors file, in whose metadata stands the SHA-256 of the whole file.

    The checksum is that of the file with 64 zeros in its own place, so it covers names, shapes and metadata as well.

    Args:
        tensors: Dense tensors on the CPU, contiguous, no two of them in the same memory.
        metadata: Further texts by name.
    """
    content = memoryview(save(dict(tensors), {**metadata, _DIGEST_NAME: _BLANK.decode()}))
    start = _find_digest(content)
    assert start is not None, "safetensors writes its metadata without spaces"
    return [content[:start], hashlib.sha256(content).hexdigest().encode(), content[start + _DIGEST_LENGTH :]]


def unpack(content: bytes, where: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a packed file, once its checksum is found right.

    Raises:
        StoreError: The file is cut off or damaged, or was not written by a store of weights.
    """
    start = _find_digest(memoryview(content))
    if start is None:
        raise _damaged(where, "it has no checksum that could be checked")
    digest = hashlib.sha256(memoryview(content)[:start])
    digest.update(_BLANK)
    digest.update(memoryview(content)[start + _DIGEST_LENGTH :])
    if digest.hexdigest().encode() != content[start : start + _DIGEST_LENGTH]:
        raise _damaged(where, "its content does not match its checksum")
    try:
        return load(content), read_metadata(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(where, str(error)) from error


def read_metadata(beginning: bytes) -> dict[str, str]:
    """The metadata in the first bytes of a file that is whole, see `measure`."""
    return dict(_header(beginning).get("__metadata__", {}))


def measure(beginning: bytes) -> tuple[int, int | None]:
    """How long a file must be by its own account.

    Args:
        beginning: Its first bytes.

    Returns:
        The bytes of its header, with the length in front, and of the whole file; None as long as ``beginning`` does
        not hold the header.
    """
    if len(beginning) < _LENGTH_BYTES:
        return _LENGTH_BYTES, None
    end = _LENGTH_BYTES + int.from_bytes(beginning[:_LENGTH_BYTES], "little")
    if len(beginning) < end:
        return end, None
    offsets = [entry["data_offsets"][1] for name, entry in _header(beginning).items() if name != "__metadata__"]
    return end, end + max(offsets, default=0)


def _header(beginning: bytes) -> dict[str, Any]:
    end = _LENGTH_BYTES + int.from_bytes(beginning[:_LENGTH_BYTES], "little")
    return dict(json.loads(beginning[_LENGTH_BYTES:end]))


def _find_digest(content: memoryview) -> int | None:
    """Where the checksum stands in a file; None if it has none."""
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    found = bytes(content[:end]).find(_MARK) if end <= len(content) else -1
    start = found + len(_MARK)
    return start if found >= 0 and start + _DIGEST_LENGTH <= end else None


def _damaged(where: str, why: str) -> StoreError:
    return StoreError(
        f"the weights at {where} are damaged: {why}",
        why="the file was cut off, changed, or not written by retix.weights.WeightStore",
        fix="delete them and train the model again; files of other origin go in by WeightStore.put",
    )
