"""Where the files of a store of weights lie: a directory of this machine, or what fsspec reaches."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

_ATTEMPTS = 20

# What file systems answer that cannot synchronize a folder (CIFS, some of FUSE's).
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}

# File systems of fsspec's that have no folders.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"}


class Place(ABC):
    """Files by name, with ``/`` between the parts; what is written is there whole or not at all.

    Missing files raise FileNotFoundError; whatever else goes wrong raises what the file system raises.
    """

    @abstractmethod
    def write(self, name: str, parts: Sequence[bytes | memoryview]) -> None:
        """Write a file, or replace it; when this returns, every later reader finds it."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The whole file."""

    @abstractmethod
    def read_beginning(self, name: str, count: int) -> tuple[bytes, int]:
        """The first bytes of a file, and the size of it all."""

    @abstractmethod
    def size(self, name: str) -> int:
        """The bytes of a file."""

    @abstractmethod
    def sizes(self, folder: str) -> dict[str, int]:
        """All files in a folder and below, with their sizes; empty if there is no such folder."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file, and what an unfinished write has left of it; nothing happens if there is none."""

    @abstractmethod
    def delete_below(self, folder: str) -> None:
        """Delete a folder with all that is in it; nothing happens if there is none."""


def find_place(url: str, options: dict[str, Any]) -> Place:
    """The place that a URL names."""
    # A listing that is remembered would hide what another process has just written.
    system, path = url_to_fs(url, **({"use_listings_cache": False} | options))
    return LocalPlace(Path(path)) if isinstance(system, LocalFileSystem) else RemotePlace(system, path)


class LocalPlace(Place):
    """A directory of this machine, also one of a network file system.

    Files are written beside their place and renamed, which both kinds of file systems do at once. No symbolic link is
    followed out of the directory, and directories and files that are made are the user's alone.

    Args:
        root: The directory; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def write(self, name: str, parts: Sequence[bytes | memoryview]) -> None:
        path = self._path(name)
        descriptor, temporary, changed = self._begin(path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for folder in changed:
            _synchronize(folder)

    def read(self, name: str) -> bytes:
        with os.fdopen(self._open(name), "rb") as file:
            return file.read()

    def read_beginning(self, name: str, count: int) -> tuple[bytes, int]:
        with os.fdopen(self._open(name), "rb") as file:
            return file.read(count), os.fstat(file.fileno()).st_size

    def size(self, name: str) -> int:
        return self._path(name).lstat().st_size

    def sizes(self, folder: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for parent, _, files in os.walk(self._folder(folder)):
            for file in files:
                path = Path(parent, file)
                try:
                    found[path.relative_to(self.root).as_posix()] = path.lstat().st_size
                except FileNotFoundError:
                    continue  # deleted or renamed while we look
        return found

    def delete(self, name: str) -> None:
        path = self._path(name)
        path.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process may delete the folder
            for left in os.listdir(path.parent):
                if left.startswith(f".{path.name}.") and left.endswith(".tmp"):
                    (path.parent / left).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # if it is empty now

    def delete_below(self, folder: str) -> None:
        top = self._folder(folder)
        for parent, folders, files in os.walk(top, topdown=False):
            for file in files:
                Path(parent, file).unlink(missing_ok=True)
            for inner in folders:
                path = Path(parent, inner)
                path.unlink() if path.is_symlink() else path.rmdir()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            top.rmdir()

    def _path(self, name: str) -> Path:
        folder, _, file = name.rpartition("/")
        return self._folder(folder) / file

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise PermissionError(f"{folder} is a link that leads out of {self.root}")
        return folder

    def _open(self, name: str) -> int:
        # A link in the place of the file itself is refused with ELOOP; Windows has no such flag, and few links.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        path = self._path(name)
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            # A client of NFS remembers for a while that a name was missing, until somebody lists the folder.
            os.listdir(path.parent)
            return os.open(path, flags)

    def _begin(self, path: Path) -> tuple[int, str, list[Path]]:
        """A new file beside ``path``, and the folders whose names change by it.

        An empty folder on the way may be deleted by another process meanwhile; then the next attempt makes it again.
        """
        for _ in range(_ATTEMPTS):
            missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                for folder in reversed(missing):
                    folder.mkdir(mode=0o700, exist_ok=True)
                changed = [path.parent, *(folder.parent for folder in missing)]
                return *tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"), changed
        raise FileNotFoundError(f"the folder {path.parent} cannot be made, or is deleted again and again")


class RemotePlace(Place):
    """What fsspec reaches: an object store, or the memory of this process.

    Args:
        system: The file system. Writing an object is at once on object stores; on others a reader may find a part of
            it, which its checksum tells.
        root: The path in it.
    """

    def __init__(self, system: Any, root: str) -> None:
        self._system = system
        self._root = root.rstrip("/")
        protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
        # To s3fs, making folders means making a missing bucket, which is for the user to do.
        self._is_flat = not protocols.isdisjoint(_OBJECT_STORES)

    def write(self, name: str, parts: Sequence[bytes | memoryview]) -> None:
        path, content = self._path(name), b"".join(parts)
        if not self._is_flat:
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        return bytes(self._system.cat_file(self._path(name)))

    def read_beginning(self, name: str, count: int) -> tuple[bytes, int]:
        size = self.size(name)
        return bytes(self._system.cat_file(self._path(name), start=0, end=min(count, size))), size

    def size(self, name: str) -> int:
        return int(self._system.info(self._path(name))["size"])

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            found = self._system.find(self._path(folder), detail=True)
        except FileNotFoundError:
            return {}
        return {PurePosixPath(path).relative_to(self._root).as_posix(): info["size"] for path, info in found.items()}

    def delete(self, name: str) -> None:
        try:
            self._system.rm_file(self._path(name))
        except (FileNotFoundError, KeyError):
            return

    def delete_below(self, folder: str) -> None:
        if names := self.sizes(folder):
            self._system.rm([self._path(name) for name in names])

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


def _synchronize(folder: Path) -> None:
    """Make the names in a folder durable, where the operating system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
