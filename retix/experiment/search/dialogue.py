"""What a strategy is asked and told, and the journal of it."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from retix.experiment.search.replay import SNAPSHOT_FILE, STRATEGY_FILE, Past, as_observed, as_told, is_begun
from retix.experiment.user_strategy import UserStrategy
from retix.store import StepKind, Store
from retix.strategy import Strategy, Wrapper
from retix.trial import Proposal, Trial

# Steps from one snapshot to the next. A shorter search is replayed from its beginning, and so checked in full.
_SNAPSHOT_EVERY = 2000


class Dialogue:
    """Asks and tells a strategy, and writes each step into the journal before anything comes of it.

    A strategy's proposals follow from its first state and the steps alone. So the journal is all that a resume needs,
    and if the steps do not depend on time, neither do the proposals. That is what a *window* is for: with a window of
    c, the n-th trial is proposed after exactly the trials 1 to n - c were told, in this order; where the strategy has
    nothing to propose, it is told one more. Without a window, it is told of trials as they end.

    Args:
        strategy: Who is asked; started already.
        store: Has the journal.
        window: How many proposals may be open, or None.
    """

    def __init__(self, strategy: Strategy, store: Store, window: int | None) -> None:
        self.strategy = strategy
        self._store = store
        self._window = window
        self._steps: list[tuple[StepKind, int | None, Any]] = []  # not in the journal yet
        self._open: deque[int] = deque()  # with a window: proposed and not told
        self._ended: dict[int, tuple[Trial, Any]] = {}  # not told yet; also the paused that were not observed yet
        self._is_asynchronous = bool(getattr(strategy, "is_asynchronous", False))
        self._has_asked_in_vain = False
        self._last_step = 0
        self._last_snapshot = 0
        self._keeps_snapshots = can_be_restored(strategy)

    @property
    def is_asynchronous(self) -> bool:
        """Whether there may be something to propose at any time, without anything being told."""
        return self._is_asynchronous

    @property
    def may_ask(self) -> bool:
        """Whether it is the strategy's turn."""
        if self._window is not None and len(self._open) >= self._window:
            return False
        return self._is_asynchronous or not self._has_asked_in_vain

    @property
    def is_stuck(self) -> bool:
        """Whether the strategy proposes nothing more before it is told something."""
        if self._is_asynchronous:
            return bool(getattr(self.strategy, "is_waiting", False))
        return self._has_asked_in_vain

    @property
    def has_asked_in_vain(self) -> bool:
        """Whether the last answer was None, and nothing was told since."""
        return self._has_asked_in_vain

    def begin(self) -> None:
        """Keep the state before the first step, which a strategy without a seed has drawn."""
        if not isinstance(self.strategy, UserStrategy) and not is_begun(self._store.directory):
            self._store.write_file(STRATEGY_FILE, json.dumps(self.strategy.state()).encode())

    def ask(self, number: int) -> Proposal | None:
        """Ask for the trial with this number; the step goes into the journal with the next `write`."""
        proposal = self.strategy.ask()
        self._has_asked_in_vain = proposal is None
        if proposal is not None:
            seen = {"seen": self.strategy.seen} if isinstance(self.strategy, UserStrategy) else None
            self._add_trial("ask", number, seen)
        elif not self._is_asynchronous:
            self._steps.append(("ask", None, None))
        return proposal

    def enqueue(self, number: int) -> None:
        """Note that a trial comes from the user; the strategy is told of it all the same."""
        if isinstance(self.strategy, UserStrategy):
            self.strategy.skip_number()
        self._add_trial("enqueue", number, None)

    def _add_trial(self, kind: StepKind, number: int, data: Any) -> None:
        self._steps.append((kind, number, data))
        if self._window is not None:
            self._open.append(number)

    def ended(self, trial: Trial, penalty: float | None = None) -> None:
        """Note that a trial has ended, to be told when its time has come, and with which metric if it has none."""
        data = None if penalty is None else {"metrics": {"default": penalty}}
        self._ended[trial.id] = trial, data
        if self._window is None:
            self._steps.append(("tell", trial.id, data))

    def paused(self, trial: Trial) -> None:
        """Note that early stopping has paused a trial, to be observed in its turn; there is no window then."""
        data = {"steps": trial.steps, "metrics": dict(trial.metrics)}
        self._ended[trial.id] = trial, data
        self._steps.append(("pause", trial.id, data))

    def promoted(self, trial: Trial) -> None:
        """Note that a paused trial goes on; the strategy is not told."""
        self._steps.append(("promote", trial.id, {"steps": trial.steps}))

    def halted(self, trial: int) -> None:
        """Note that a trial was stopped because the search ends; the strategy is not told."""
        self._steps.append(("halt", trial, None))

    def requeued(self, trial: int) -> None:
        """Note that a trial which was stopped with an earlier search is taken up again."""
        self._steps.append(("requeue", trial, None))

    def write(self) -> None:
        """Write the steps into the journal."""
        for kind, trial, data in self._steps:
            self._last_step = self._store.add_step(kind, trial, data)
        self._steps.clear()

    def forget(self) -> None:
        """Leave out the steps that were not written: what came of them is not recorded either."""
        self._steps.clear()

    def deliver(self) -> list[Trial]:
        """Tell what has ended or was paused, as far as it is time; returns which of the ended trials were told."""
        self._take_snapshot()
        told = []
        while (following := self._following()) is not None:
            trial, data = self._ended.pop(following)
            if self._window is not None:
                # If this step is lost with the driver, it is only taken anew.
                self._open.popleft()
                self._steps.append(("tell", following, data))
            self._has_asked_in_vain = False
            if trial.state.is_final:
                self.strategy.tell(as_told(trial, data))
                told.append(trial)
            else:
                self.strategy.observe(as_observed(trial, data))
        self._take_snapshot()
        return told

    def _following(self) -> int | None:
        """The trial that is to be told now."""
        if self._window is None:
            return next(iter(self._ended), None)
        is_due = len(self._open) >= self._window or self._has_asked_in_vain
        return self._open[0] if is_due and self._open and self._open[0] in self._ended else None

    def _take_snapshot(self) -> None:
        """Keep the state, if it is time, and if it is that after the last step of the journal."""
        is_settled = not self._steps and (self._window is not None or not self._ended)
        if not self._keeps_snapshots or not is_settled or self._last_step < self._last_snapshot + _SNAPSHOT_EVERY:
            return
        snapshot = {"step": self._last_step, "state": self.strategy.state()}
        self._store.write_file(SNAPSHOT_FILE, json.dumps(snapshot).encode())
        self._last_snapshot = self._last_step

    def restore(self, past: Past) -> None:
        """Go on after a replay."""
        self._open = deque(past.untold if self._window is not None else ())
        self._has_asked_in_vain = past.has_asked_in_vain
        self._last_step, self._last_snapshot = past.last_step, past.snapshot


def can_be_restored(strategy: Strategy) -> bool:
    """Whether the state that a strategy gives can be trusted to be all of it.

    A class that changes what is asked or told, and says nothing of its state, may hold more than its parents know of.
    """
    if isinstance(strategy, UserStrategy):
        return False
    if isinstance(strategy, Wrapper) and not all(map(can_be_restored, strategy.inside())):
        return False
    definers = {
        name: next(index for index, cls in enumerate(type(strategy).__mro__) if name in vars(cls))
        for name in ("ask", "tell", "observe", "state", "load_state")
    }
    changes = min(definers[name] for name in ("ask", "tell", "observe"))
    return max(definers["state"], definers["load_state"]) <= changes
