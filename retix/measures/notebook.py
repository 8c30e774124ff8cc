"""A file of what was measured and might come out otherwise another time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from retix.errors import StoreError


class Notebook:
    """One line of JSON per value; what a process has written, later ones read.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[tuple[str, str, float]]:
        """Yield the digest of each network, the name of the measure and the value.

        Raises:
            StoreError: The file cannot be read.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"what was measured cannot be read: {error}", where=self.path) from error
        for line in lines:
            try:
                digest, name, value = json.loads(line)
                yield str(digest), str(name), float(value)
            except (ValueError, TypeError):  # torn when its process was killed
                continue

    def write(self, digest: str, name: str, value: float) -> None:
        """Add one value.

        Raises:
            StoreError: The file cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([digest, name, value]) + "\n")
        except OSError as error:
            raise StoreError(f"what was measured cannot be kept: {error}", where=self.path) from error
