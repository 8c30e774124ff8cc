"""Weights by key: what trials hand to each other, wherever they run."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from retix.errors import StoreError
from retix.weights.packing import HEADER_GUESS, OWN, measure, pack, read_metadata, unpack
from retix.weights.place import LocalPlace, Place, find_place
from retix.weights.storage import separate_tensors

SUFFIX = ".safetensors"
"""What follows a key in the name of its file."""

_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_KIND = f"{OWN}kind"
_FILE = "file"
_DATA = "data"

# Seconds between looks at what has not come yet.
_FIRST_PAUSE = 0.01
_LAST_PAUSE = 0.5


class WeightStore:
    """Tensors and files by key, in a directory or at any place that fsspec reaches.

    What is written is there for every reader, in any process, when `put` returns; it is written whole or not at all;
    and it carries a checksum, without which nothing is handed out. The object ``trials/7/model`` is the safetensors
    file ``<url>/trials/7/model.safetensors``, which any other tool can read.

    Keys are names with ``/`` between them, of letters, digits, '.', '_' and '-'; no part begins with '.' or '-'.

    Args:
        url: A local directory, which may be one of a network file system, or a URL such as ``s3://bucket/folder``,
            ``gs://…`` or ``memory://…``, for which fsspec's package is needed (``pip install s3fs`` for S3).
        **options: What fsspec needs to open the URL. Trials know the URL alone: what all need stands better in
            fsspec's or the cloud's own configuration (`AWS_ENDPOINT_URL` and the like).

    Attributes:
        url: The directory's absolute path, or the URL.
    """

    def __init__(self, url: str | os.PathLike[str], **options: Any) -> None:
        text = os.fspath(url)
        is_path = "://" not in text and "::" not in text
        self.url = os.path.abspath(os.path.expanduser(text)) if is_path else text.rstrip("/")
        self._options = options

    def __repr__(self) -> str:
        return f"WeightStore({self.url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.url, self._options)

    @property
    def is_local(self) -> bool:
        """Whether it is a directory that this machine sees as its own."""
        return isinstance(self._place, LocalPlace)

    # -- tensors --------------------------------------------------------------------------------------------------

    def put(self, key: str, state_dict: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
        """Write tensors, or replace those that are there.

        Args:
            key: Their key.
            state_dict: Dense tensors by name, of any device; those that share memory are stored once for each name.
            metadata: Further texts by name.

        Raises:
            StoreError: The key or an entry is none that can be stored, or the store cannot be written.
        """
        self._put(key, separate_tensors(state_dict), dict(metadata or {}), {})

    def get(self, key: str) -> dict[str, Tensor]:
        """The tensors of a key, on the CPU.

        Raises:
            StoreError: There are none, or they are damaged.
        """
        tensors, metadata = self._get(key)
        if metadata.get(_KIND) == _FILE:
            raise StoreError(f"{key!r} is a file and no state_dict", where=self.url, fix="read it by get_file")
        return tensors

    def metadata(self, key: str) -> dict[str, str]:
        """The texts that were written with a key; the tensors are not read.

        Raises:
            StoreError: There is no such key, or it is damaged.
        """
        with self._explained(key):
            beginning = self._read_header(key)
        if beginning is None:
            raise self._unfinished(key)
        return {name: text for name, text in read_metadata(beginning).items() if not name.startswith(OWN)}

    # -- files ----------------------------------------------------------------------------------------------------

    def put_file(self, key: str, data: bytes) -> None:
        """Write bytes under a key, with a checksum as tensors have: ``data`` in a safetensors file.

        Raises:
            StoreError: The key is none, or the store cannot be written.
        """
        tensor = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
        self._put(key, {_DATA: tensor}, {}, {_KIND: _FILE})

    def get_file(self, key: str) -> bytes:
        """The bytes of a key.

        Raises:
            StoreError: There are none, they are damaged, or they are tensors.
        """
        tensors, metadata = self._get(key)
        if metadata.get(_KIND) != _FILE:
            raise StoreError(f"{key!r} is a state_dict and no file", where=self.url, fix="read it by get")
        return tensors[_DATA].numpy().tobytes()

    # -- what is there --------------------------------------------------------------------------------------------

    def exists(self, key: str) -> bool:
        """Whether there is something under a key, all of it.

        Raises:
            StoreError: The store cannot be read.
        """
        try:
            with self._explained(key, absent_is_error=False):
                return self._read_header(key) is not None
        except FileNotFoundError:
            return False

    def wait(self, key: str, timeout: float | None = None) -> None:
        """Wait until there is something under a key, all of it.

        Args:
            key: The key.
            timeout: Seconds to wait; None waits for ever.

        Raises:
            StoreError: The time is over, or the store cannot be read.
        """
        begin, pause = time.monotonic(), _FIRST_PAUSE
        while not self.exists(key):
            waited = time.monotonic() - begin
            if timeout is not None and waited >= timeout:
                raise StoreError(
                    f"{key!r} did not come within {timeout:g} s",
                    where=self.url,
                    why="whoever writes it has not ended, has failed, or writes to another place",
                    fix="wait longer, or look at what became of the trial that writes it",
                )
            time.sleep(pause if timeout is None else min(pause, timeout - waited))
            pause = min(2 * pause, _LAST_PAUSE)

    def size(self, key: str) -> int:
        """The bytes that a key takes.

        Raises:
            StoreError: There is no such key.
        """
        with self._explained(key):
            return self._place.size(_file(key))

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """The keys that begin with ``prefix``, sorted, with the bytes that each takes.

        Raises:
            StoreError: The store cannot be read.
        """
        folder = prefix.rpartition("/")[0]
        if folder:
            _file(folder)
        with self._explained(prefix):
            files = self._place.sizes(folder)
        found = {name.removesuffix(SUFFIX): size for name, size in files.items() if name.endswith(SUFFIX)}
        return {key: found[key] for key in sorted(found) if key.startswith(prefix) and _is_key(key)}

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with ``prefix``, sorted.

        Raises:
            StoreError: The store cannot be read.
        """
        return list(self.sizes(prefix))

    def delete(self, key: str) -> None:
        """Delete what is under a key; nothing happens if there is nothing.

        Raises:
            StoreError: It cannot be deleted.
        """
        with self._explained(key):
            self._place.delete(_file(key))

    def delete_below(self, key: str) -> None:
        """Delete everything whose key begins with ``key`` and ``/``.

        Raises:
            StoreError: It cannot be deleted.
        """
        _file(key)
        with self._explained(key):
            self._place.delete_below(key)

    def check(self) -> None:
        """Write, read and delete a small object, so that what is wrong with the place comes out before it is needed.

        Raises:
            StoreError: The store cannot be written, read, or deleted from.
        """
        key, data = f"check-{secrets.token_hex(4)}", secrets.token_bytes(16)
        self.put_file(key, data)
        try:
            found = self.get_file(key)
        finally:
            self.delete(key)
        if found != data:
            raise StoreError(
                f"what was written to {self.url} is not what is read there",
                why="the place keeps an older copy, or something else writes there",
                fix="use a place where a reader finds what was written last",
            )

    # -- below ----------------------------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> Place:
        try:
            return find_place(self.url, self._options)
        except Exception as error:
            raise StoreError(
                f"there is no store of weights at {self.url}: {error}",
                why="fsspec does not know the URL, or the package for it is not installed",
                fix="use a directory, or install what fsspec needs (`pip install s3fs` for s3://)",
            ) from error

    def _put(self, key: str, tensors: dict[str, Tensor], metadata: dict[str, str], own: dict[str, str]) -> None:
        file = _file(key)
        reserved = [name for name in metadata if name.startswith(OWN)]
        if reserved:
            raise StoreError(f"the name {reserved[0]!r} in the metadata is the store's own", fix="take another name")
        with self._explained(key, is_writing=True):
            self._place.write(file, pack(tensors, metadata | own))

    def _get(self, key: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        with self._explained(key):
            content = self._place.read(_file(key))
        return unpack(content, f"{self.url}/{_file(key)}")

    def _read_header(self, key: str) -> bytes | None:
        """The header of a key's file, or None if the file is not whole yet."""
        beginning, size = self._place.read_beginning(_file(key), HEADER_GUESS)
        try:
            end, length = measure(beginning)
            if length is None and end <= size:
                beginning, size = self._place.read_beginning(_file(key), end)
                end, length = measure(beginning)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return beginning if length == size else None

    def _unfinished(self, key: str) -> StoreError:
        return StoreError(
            f"the weights at {self.url}/{_file(key)} are damaged: the file is cut off, or no safetensors file",
            fix="delete them and train the model again",
        )

    @contextmanager
    def _explained(self, key: str, *, is_writing: bool = False, absent_is_error: bool = True) -> Iterator[None]:
        """Turn what file systems raise, which may be anything, into a `StoreError`."""
        try:
            yield
        except StoreError:
            raise
        except FileNotFoundError as error:
            if not absent_is_error:
                raise
            raise self._absent(key, error, is_writing) from error
        except Exception as error:
            raise StoreError(
                f"{key!r} cannot be {'written to' if is_writing else 'read from'} the store of weights: {error}",
                where=self.url,
                why="the place is full, out of reach, or not yours",
                fix="check the place and your right to it",
            ) from error

    def _absent(self, key: str, error: Exception, is_writing: bool) -> StoreError:
        if is_writing:
            return StoreError(f"{key!r} cannot be written: {error}", where=self.url, fix="make the bucket or folder")
        return StoreError(
            f"there are no weights under {key!r}",
            where=self.url,
            why="the trial has not ended yet, failed, or its weights were not kept",
            fix="wait for it by WeightStore.wait, or keep more weights (keep_weights)",
        )


def _file(key: str) -> str:
    if not _is_key(key):
        raise StoreError(
            f"{key!r} is no key for weights",
            why=f"a key is a relative path of plain names, without {SUFFIX}, and leads to no other place",
            fix="use letters, digits, '.', '_' and '-', with '/' between names, and begin none with '.' or '-'",
        )
    return f"{key}{SUFFIX}"


def _is_key(key: str) -> bool:
    return not key.endswith(SUFFIX) and all(_PLAIN_PART.fullmatch(part) for part in key.split("/"))


def _reopen(url: str, options: dict[str, Any]) -> WeightStore:
    return WeightStore(url, **options)
