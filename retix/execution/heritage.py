"""What a trial takes over from its parent, and the record of it."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retix.errors import StoreError
from retix.trial import Inheritance, Job
from retix.weights import TrialWeights, WeightStore, apply_inheritance

if TYPE_CHECKING:
    # For annotations alone.
    from torch import Tensor, nn

RECORD_FILE = "inherited.json"
"""What became of each tensor, in the directory of a trial that inherits."""


class Heritage:
    """Prepares the models of one trial: each begins with what the plan takes from the parent's weights.

    A parent whose weights are gone or damaged by now fails nobody: the trial starts fresh, and its record and its log
    say so.

    Args:
        inheritance: What to take over.
        directory: Where the record goes.
    """

    def __init__(self, inheritance: Inheritance, directory: Path) -> None:
        self._inheritance = inheritance
        self._record = directory / RECORD_FILE
        self._is_recorded = False

    def prepare(self, model: nn.Module) -> None:
        """Give a new model what it inherits."""
        if self._inheritance.plan is None or self._parent_state is None:
            return
        report = apply_inheritance(model, self._parent_state, self._inheritance.plan)
        self._write(report.to_json(), f"inherited from trial {self._inheritance.parent}: {report.summary()}")

    @cached_property
    def _parent_state(self) -> dict[str, Tensor] | None:
        address = self._inheritance.weights
        try:
            return WeightStore(address.url).get(address.key)
        except StoreError as error:
            words = f"starts fresh, not from the weights of trial {self._inheritance.parent}: {error.what}"
            self._write({"fresh": True, "why": error.what}, words)
            return None

    def _write(self, record: dict[str, Any], words: str) -> None:
        """Record once, for the first model that is built: those after it get the same."""
        if self._is_recorded:
            return
        self._is_recorded = True
        self._record.write_text(json.dumps({"parent": self._inheritance.parent, **record}, indent=1), encoding="utf-8")
        print(words, flush=True)


def weights_of(job: Job) -> TrialWeights:
    """What the code of a job may keep, and read of its parent."""
    own, heir = job.weights, job.inheritance
    return TrialWeights(
        store=None if own is None else WeightStore(own.url),
        key=None if own is None else own.key,
        parent=None if heir is None else heir.weights.key,
        parent_trial=None if heir is None else heir.parent,
        parent_store=None if heir is None else WeightStore(heir.weights.url),
    )
