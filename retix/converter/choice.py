"""Which front end captures a model."""

from __future__ import annotations

from dataclasses import dataclass

from retix.errors import ConversionError

FRONTENDS = ("trace", "script", "fx")
"""The names of the front ends."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A front end.

    Attributes:
        frontend: Its name.
        reason: Why this one.
        otherwise: The one to try where it refuses the model, or None.
    """

    frontend: str
    reason: str
    otherwise: str | None = None


def choose_frontend(wanted: str | None, *, has_inputs: bool, has_torchscript: bool) -> Choice:
    """The front end for a model.

    Args:
        wanted: The one that the user asks for, or None.
        has_inputs: Whether there are example inputs.
        has_torchscript: Whether this Python and this torch can trace and script.

    Raises:
        ConversionError: There is none of that name, or it needs what is not there.
    """
    if wanted is not None and wanted not in FRONTENDS:
        raise ConversionError(
            f"there is no front end {wanted!r}",
            fix=f"choose one of {', '.join(map(repr, FRONTENDS))}, or leave it out",
        )
    if wanted in ("trace", "script") and not has_torchscript:
        raise ConversionError(
            f"the front end {wanted!r} needs TorchScript, which this Python or this torch lacks",
            fix="choose frontend='fx', or leave it out",
        )
    if wanted is not None:
        return Choice(wanted, "it was asked for")
    if not has_torchscript:
        return Choice("fx", "this Python or this torch has no TorchScript")
    if has_inputs:
        return Choice("trace", "there are example inputs")
    return Choice("script", "there are no example inputs", "fx")
