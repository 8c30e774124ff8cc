"""The page of one experiment: a process of its own that reads the store."""

from retix.dashboard.page import Page, start

__all__ = ["Page", "start"]
