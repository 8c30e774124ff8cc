"""The surroundings in which the user's modules import on a node as they do in the driver."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of the driver's process, what its hosts take over where their node has it too.

    Attributes:
        path: The user's entries of ``sys.path``; those of the Python installation are each node's own.
        arguments: ``sys.argv``.
        directory: The working directory.
    """

    path: tuple[str, ...]
    arguments: tuple[str, ...]
    directory: Path

    def settle(self, keep_directory: bool) -> None:
        """Make them those of this process.

        Args:
            keep_directory: Stay in the working directory, because the user's runtime environment has chosen it.
        """
        present = [entry for entry in self.path if entry not in sys.path and Path(entry).exists()]
        sys.path[:0] = present
        sys.argv[:] = self.arguments
        if not keep_directory and self.directory.is_dir():
            os.chdir(self.directory)


def describe_surroundings() -> Surroundings:
    """Those of this process, the driver's."""
    directory = Path.cwd()
    installation = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    entries = [str(directory / entry) for entry in sys.path]
    own = [entry for entry in entries if not installation & {*Path(entry).resolve().parents, Path(entry).resolve()}]
    return Surroundings(tuple(own), tuple(sys.argv), directory)
