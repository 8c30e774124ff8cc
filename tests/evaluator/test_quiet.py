"""Silence: narrow, and only for a while."""

from __future__ import annotations

import logging
import warnings

import pytest
from lightning_utilities.core.rank_zero import rank_zero_info

from retix.evaluator.quiet import quiet


def fail_noisily() -> None:
    """Warns of what is hidden, and fails."""
    warnings.warn("The 'train_dataloader' does not have many workers which may be a bottleneck", stacklevel=1)
    raise ZeroDivisionError


def test_chatter_is_hidden_and_the_rest_passes(caplog: pytest.LogCaptureFixture) -> None:
    """The lines of Lightning's greeting are dropped; other lines of the same logger are not."""
    with caplog.at_level(logging.INFO):
        with quiet():
            rank_zero_info("GPU available: False, used: False")
            rank_zero_info("Using 16bit Automatic Mixed Precision (AMP)")
        rank_zero_info("TPU available: False")
    assert [record.getMessage() for record in caplog.records] == [
        "Using 16bit Automatic Mixed Precision (AMP)",
        "TPU available: False",
    ]


def test_process_wide_filters_are_restored() -> None:
    """Warnings and loggers behave afterwards as before, also after an error."""
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), quiet():
        fail_noisily()
    assert warnings.filters == before
    assert logging.getLogger("pytorch_lightning.utilities.rank_zero").filters == []


def test_other_warnings_pass() -> None:
    """A warning that is not on the list reaches the user."""
    with quiet(), pytest.warns(UserWarning, match="something else"):
        warnings.warn("something else", stacklevel=1)
