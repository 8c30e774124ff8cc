"""What an exception of a trial means: its kind, one line to act on, and a traceback that starts at the user's code."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

from retix.errors import RetixError
from retix.execution.error_class import is_out_of_memory, is_shape_error
from retix.trial import Failure, FailureKind

MESSAGE_LENGTH = 500
TRACEBACK_LENGTH = 20_000

_RETIX = str(Path(__file__).parent.parent) + os.sep
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def describe_error(error: BaseException, kind: FailureKind, generated: Path) -> Failure:
    """The failure that an exception amounts to.

    Args:
        error: What was raised.
        kind: What it means, unless memory ran out; what was raised may turn out to be about sizes.
        generated: The file of the generated module; the line of it that led to the error is part of the message.
    """
    frames = _user_frames(error.__traceback__)
    record = traceback.TracebackException(type(error), error, frames, compact=True)
    return Failure(
        kind=_classify(error, kind),
        message=_shorten(f"{_summary(error, record)}{_line_in(generated, error.__traceback__)}"),
        error=type(error).__name__,
        traceback="".join(record.format())[-TRACEBACK_LENGTH:],
    )


def _classify(error: BaseException, kind: FailureKind) -> FailureKind:
    if is_out_of_memory(error):
        return FailureKind.OUT_OF_MEMORY
    if kind is FailureKind.RAISED and is_shape_error(error):
        return FailureKind.SHAPE
    return kind


def _user_frames(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame of user's or generated code on, or else of any code but retix's own."""
    first_foreign = None
    while frames is not None:
        file = frames.tb_frame.f_code.co_filename
        if not file.startswith(_RETIX):
            first_foreign = first_foreign or frames
            if not file.startswith((*_INSTALLED, "<frozen")):
                return frames
        frames = frames.tb_next
    return first_foreign


def _line_in(generated: Path, frames: TracebackType | None) -> str:
    """The innermost line of the generated file that led to the error, to be put behind the message."""
    lines = [f for f in traceback.extract_tb(frames) if f.filename == str(generated)]
    return f" ({generated.name}:{lines[-1].lineno}: {lines[-1].line})" if lines else ""


def _summary(error: BaseException, record: traceback.TracebackException) -> str:
    if isinstance(error, RetixError):
        parts = (error.what, error.fix)
    else:
        parts = (next(iter(str(record).splitlines()), ""), None)
    return ": ".join([type(error).__name__, *(part for part in parts if part)])


def _shorten(line: str) -> str:
    return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 1] + "…"
