"""The page of one experiment: a process of its own that reads the store."""

from retix.dashboard.page import Page, check_port, start

__all__ = ["Page", "check_port", "start"]
