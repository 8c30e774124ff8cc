"""The line of the user's code that is running."""

from __future__ import annotations

from retix.caller import find_caller


def test_the_users_line() -> None:
    """The innermost frame outside of the libraries is the user's."""
    assert str(find_caller()).startswith(f"{__file__}:")
