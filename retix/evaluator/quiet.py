"""Lightning without its chatter: a search trains hundreds of models, and every one would say the same."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(
    f"{package}.utilities.rank_zero"
    for package in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
)

_LINES = re.compile(r"(GPU|TPU|HPU) available|💡 Tip|`Trainer\.fit` stopped|`Trainer\(.*\)` was configured")

# Whoever searches has chosen loaders and devices on purpose; the last one is between Lightning and torch alone.
_WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    (r".*does not have many workers which may be a bottleneck", UserWarning),
    (r"The number of training batches .* is smaller than the logging interval", UserWarning),
    (r"GPU available but not used", UserWarning),
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning),
)


class _NoChatter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return _LINES.match(record.getMessage()) is None


@contextmanager
def quiet() -> Iterator[None]:
    """Hide a closed list of Lightning's log lines and warnings inside the ``with`` block; others pass.

    Like every use of `warnings.catch_warnings`, it is for one thread at a time.
    """
    no_chatter = _NoChatter()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(no_chatter)
    try:
        with warnings.catch_warnings():
            for message, category in _WARNINGS:
                warnings.filterwarnings("ignore", message, category)
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(no_chatter)
