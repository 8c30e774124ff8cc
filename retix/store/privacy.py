"""Whether files belong to the user alone, and whether a path stays inside of an experiment.

On Windows a file has no owner and mode of this kind; there the permissions of the folder decide, and nothing is
checked here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from retix.errors import StoreError
from retix.store.layout import DATABASE

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check_private(path: str | Path) -> None:
    """Check that nobody but this user can have written a file of an experiment.

    The file itself and the directories above it, up to the experiment's own, must belong to this user, be no links,
    and be closed to the writing of others. What comes from a pickle runs as a program: ask before it is read.

    Raises:
        StoreError: They are not, or the file is missing.
    """
    path = Path(path).expanduser().absolute()
    for part in (path, *_directories(path)):
        try:
            found = part.lstat()
        except OSError as error:
            raise StoreError(f"the file cannot be checked: {error}", where=str(part)) from error
        problem = _find_problem(found)
        if problem is not None:
            raise StoreError(
                f"{path.name!r} cannot be trusted: {problem}",
                where=str(part),
                why="what it holds would run as a program of yours, and somebody else could have written it",
                fix=f"if you know that it is yours, make it so: chmod -R go-w {_directories(path)[-1]}",
            )


def _directories(path: Path) -> list[Path]:
    """The directories above a file up to the experiment's; its own directory if it lies in none."""
    above = list(path.parents)
    for count, directory in enumerate(above, start=1):
        if (directory / DATABASE).is_file():
            return above[:count]
    return above[:1]


def _find_problem(found: os.stat_result) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return "it is a link"
    if not hasattr(os, "geteuid"):
        return None
    if found.st_uid != os.geteuid():
        return f"it belongs to another user (number {found.st_uid})"
    if found.st_mode & _OTHERS_WRITE:
        return f"others may write it (mode {stat.S_IMODE(found.st_mode):o})"
    return None


def check_inside(directory: Path, path: Path) -> Path:
    """The path, unless links lead it out of the directory.

    Args:
        directory: An experiment's directory; it may itself be reached through links.
        path: A path below it, whether it exists or not.

    Raises:
        StoreError: It leaves the directory.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:  # links that lead in a circle
        raise StoreError(f"the path cannot be followed: {error}", where=str(path)) from error
    if not real.is_relative_to(directory.resolve()):
        raise StoreError(
            f"{path.name!r} leads out of its experiment",
            where=str(path),
            why=f"it is a link, or lies behind one, to {real}",
            fix="remove the link: files of an experiment lie in its own directory",
        )
    return path
