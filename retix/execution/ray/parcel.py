"""Files on their way between a driver and nodes that share no folder with it, in pieces of bounded size."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retix.errors import ExecutionError

PIECES_SIZE = 8 * 2**20
"""Bytes that are sent at a time: a node's store of objects may be small."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file.

    Attributes:
        root: The name of the folder that it lies below, known to both sides.
        path: Its path in there, parts joined by ``/``.
        data: The bytes.
        is_first: Whether the file begins with it.
        is_last: Whether the file ends with it.
    """

    root: str
    path: str
    data: bytes
    is_first: bool
    is_last: bool


def list_files(folder: Path, without: Collection[str] = ()) -> list[str]:
    """The paths of all files below a folder, parts joined by ``/``; links are left out.

    Args:
        folder: Where to look; need not exist.
        without: Paths to leave out.
    """
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    names = (path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if name not in without]


def cut(root: str, folder: Path, paths: Iterable[str], size: int = PIECES_SIZE) -> Iterator[tuple[Piece, ...]]:
    """Files in pieces, of which each tuple holds about ``size`` bytes; a file that has vanished is left out.

    Args:
        root: What the other side calls the folder.
        folder: Where the files lie.
        paths: The files, as `list_files` names them.
        size: How many bytes to send at a time.
    """
    batch: list[Piece] = []
    weight = 0
    for path in paths:
        for piece in _cut_file(root, folder, path, size):
            batch.append(piece)
            weight += len(piece.data) + 100
            if weight >= size:
                yield tuple(batch)
                batch, weight = [], 0
    if batch:
        yield tuple(batch)


def write_pieces(folders: Mapping[str, Path], pieces: Iterable[Piece]) -> None:
    """Put pieces where they belong. A file gets its name when its last piece is on the disk.

    Args:
        folders: The folders by name.
        pieces: The pieces, those of a file in their order.

    Raises:
        ExecutionError: A path leads out of its folder.
        OSError: A file cannot be written.
    """
    for piece in pieces:
        target = _place(folders, piece)
        part = target.with_name(f".{target.name}.part")
        if piece.is_first:
            target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb" if piece.is_first else "ab") as file:
            file.write(piece.data)
            if piece.is_last:
                file.flush()
                os.fsync(file.fileno())
        if piece.is_last:
            part.replace(target)


def _cut_file(root: str, folder: Path, path: str, size: int) -> Iterator[Piece]:
    try:
        file = (folder / path).open("rb")
    except FileNotFoundError:
        return
    with file:
        data, is_first = file.read(size), True
        while data or is_first:
            following = file.read(size)
            yield Piece(root, path, data, is_first, not following)
            data, is_first = following, False


def _place(folders: Mapping[str, Path], piece: Piece) -> Path:
    path = PurePosixPath(piece.path)
    if piece.root not in folders or path.is_absolute() or ".." in path.parts or not path.name:
        raise ExecutionError(
            f"a node sent a file for {piece.root}/{piece.path}, which leads out of its folder",
            why="something other than retix writes to the nodes' temporary folders",
            fix="use only nodes that you trust",
        )
    return folders[piece.root] / path
