"""What a trial may keep for its children, and read of its parent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import Tensor

from retix.errors import EvaluationError
from retix.weights.store import WeightStore


@dataclass(frozen=True, slots=True)
class TrialWeights:
    """The store of weights as one trial sees it; `current` gives it to the code of the trial.

    The weights of the trial's model are written by themselves when it has ended; files of its own come beside them, and
    live as long as they do: as long as the trial is among the best, or may have children.

    Attributes:
        store: The store, or None if this search keeps no weights.
        key: The key of the trial's own weights, or None likewise. Its files are the keys below.
        parent: The key of its parent's weights, or None if it inherits from nobody.
        parent_trial: The id of its parent, or None likewise.
        parent_store: The store of its parent's weights, or None likewise.
    """

    store: WeightStore | None = None
    key: str | None = None
    parent: str | None = None
    parent_trial: int | None = None
    parent_store: WeightStore | None = None

    def load_parent(self) -> dict[str, Tensor]:
        """The parent's weights by the names of the parent's model, on the CPU.

        Raises:
            EvaluationError: The trial inherits from nobody.
            StoreError: The weights are gone, or damaged.
        """
        store, key = self._find_parent()
        return store.get(key)

    def put_file(self, name: str, data: bytes) -> None:
        """Keep a file for the trial's children.

        Args:
            name: Its name, such as ``optimizer.bin``.
            data: Its content.

        Raises:
            EvaluationError: This search keeps no weights.
            StoreError: The name is none, or the file cannot be written.
        """
        store, key = self._find_own()
        store.put_file(f"{key}/{name}", data)

    def get_file(self, name: str) -> bytes:
        """A file that this trial has put there.

        Raises:
            EvaluationError: This search keeps no weights.
            StoreError: There is none, or it is damaged.
        """
        store, key = self._find_own()
        return store.get_file(f"{key}/{name}")

    def parent_file(self, name: str) -> bytes:
        """A file that the parent has put there by `put_file`.

        Raises:
            EvaluationError: The trial inherits from nobody.
            StoreError: There is none, or it is damaged.
        """
        store, key = self._find_parent()
        return store.get_file(f"{key}/{name}")

    def _find_own(self) -> tuple[WeightStore, str]:
        if self.store is None or self.key is None:
            raise EvaluationError(
                "this search keeps no weights, so a trial cannot keep files either",
                fix="set keep_weights in the configuration of the experiment to how many trials keep theirs",
            )
        return self.store, self.key

    def _find_parent(self) -> tuple[WeightStore, str]:
        if self.parent_store is None or self.parent is None:
            raise EvaluationError(
                "this trial inherits from no other one",
                why="it is the first of its line, its strategy does not inherit, or its parent's weights are gone",
                fix="ask `retix.weights.current().parent` first; it is None then",
            )
        return self.parent_store, self.parent


# Ambient, like the reporter: what a user's evaluator calls has no handle to its trial.
_current: ContextVar[TrialWeights | None] = ContextVar("retix_trial_weights", default=None)


@contextmanager
def using(weights: TrialWeights) -> Iterator[None]:
    """Let `current` give ``weights`` inside the ``with`` block, in this thread."""
    token = _current.set(weights)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> TrialWeights:
    """The weights of the trial that runs here.

    To be called by an evaluator in the thread that evaluates; threads and processes that it starts have none.

    Raises:
        EvaluationError: No trial runs here.
    """
    weights = _current.get()
    if weights is None:
        raise EvaluationError(
            "retix.weights.current() was called outside of a trial",
            why="it is for code that an evaluator runs, in the thread of its evaluate()",
            fix="call it there and pass on what it returns; elsewhere, make a WeightStore",
        )
    return weights
