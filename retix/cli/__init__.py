"""The command ``retix``: views of the store, and what is worth taking out of it."""

from retix.cli.app import main

__all__ = ["main"]
