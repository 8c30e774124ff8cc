"""Checks of what strategies are set to."""

from __future__ import annotations

from retix.errors import ConfigError


def check_known(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a setting that is none of those there are.

    Raises:
        ConfigError: It is not.
    """
    if value not in known:
        raise ConfigError(f"{name} is {value!r}", fix=f"choose one of {', '.join(map(repr, known))}")


def check_least(name: str, value: int, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        ConfigError: It is.
    """
    if value < least:
        raise ConfigError(f"{name} is {value!r}", fix=f"give a number of at least {least}")


def check_probability(name: str, value: float) -> None:
    """Refuse a number that is no probability.

    Raises:
        ConfigError: It is none.
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value!r}", fix="give a probability between 0 and 1")
