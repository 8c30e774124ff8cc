"""How a search is going, in the terminal."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from retix.experiment.search.limits import Limits
from retix.store import StoreReader
from retix.trial import FailureKind, Reported, Trial, TrialState


class Progress:
    """Shows trials done of the budget, running, failed, the best, and the time left.

    In a terminal it is one line that keeps changing. Elsewhere each trial that ends is a line of its own. It holds
    counts, the best trial, and the states of those that have not ended.

    Args:
        budget: How many trials will be run, or None if that is not known.
        maximize: Whether a higher metric is better.
        console: Where to write.
    """

    def __init__(self, budget: int | None, maximize: bool, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._budget = budget
        self._maximize = maximize
        self._begin = time.monotonic()
        self._earlier = 0  # trials that were done before this run
        self._open: dict[int, TrialState] = {}
        self._counts: Counter[TrialState] = Counter()
        self._invalid = 0  # samples that make no model; nothing of them was run
        self._best: Trial | None = None
        self._is_over = False
        self._live = Live(self, console=self._console, refresh_per_second=4) if self._console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        if self._live is not None:
            self._live.stop()

    def take_up(self, reader: StoreReader) -> None:
        """Go on from what is recorded of a search that is resumed.

        Raises:
            StoreError: The record cannot be read.
        """
        self._counts = Counter(reader.counts())
        self._invalid = sum(found.trials for found in reader.failures() if found.kind is FailureKind.INVALID)
        self._counts[TrialState.FAILED] -= self._invalid
        waiting, running = (reader.trials(state=state) for state in (TrialState.WAITING, TrialState.RUNNING))
        self._open = {trial.id: trial.state for trial in (*waiting, *running)}
        self._best = next(iter(reader.best()), None)
        self._earlier = self._done

    def trial_changed(self, trial: Trial) -> None:
        """Count a trial, and show it if it has ended."""
        if trial.failure is not None and trial.failure.kind is FailureKind.INVALID:
            self._invalid += 1
            return
        before = self._open.pop(trial.id, None)
        if before is not None:
            self._counts[before] -= 1
        self._counts[trial.state] += 1
        if not trial.state.is_final:
            self._open[trial.id] = trial.state
            return
        if trial.state is TrialState.SUCCEEDED and self._is_best(trial):
            self._best = trial
        if trial.state is not TrialState.DUPLICATE:
            self._show(trial)

    def trial_reported(self, trial: Trial, report: Reported) -> None:
        """Intermediate results are not shown."""

    def limits_changed(self, limits: Limits, capacity: int) -> None:
        """Count down to another budget."""
        self._budget = limits.trials

    def summary(self) -> str:
        """The search in one line."""
        counts, done = self._counts, self._done
        duplicates = counts[TrialState.DUPLICATE]
        parts = [
            f"{done}/{self._budget or '?'} trials",
            f"{counts[TrialState.RUNNING]} running",
            f"{counts[TrialState.FAILED]} failed",
        ]
        parts += [f"{duplicates} duplicates"] if duplicates else []
        parts += [f"{self._invalid} invalid"] if self._invalid else []
        if self._best is not None:
            parts.append(f"best {self._best.metric:.4g} (trial {self._best.id})")
        if self._budget is not None and self._earlier < done < self._budget and not self._is_over:
            left = (time.monotonic() - self._begin) / (done - self._earlier) * (self._budget - done)
            parts.append(f"about {_duration(left)} left")
        return ", ".join(parts)

    @property
    def _done(self) -> int:
        return sum(self._counts[state] for state in TrialState if state.is_final and state is not TrialState.DUPLICATE)

    def __rich__(self) -> Text:
        return Text(self.summary())

    def _show(self, trial: Trial) -> None:
        outcome = f"trial {trial.id} {_outcome(trial)}"
        # As Text, because a failure's message may hold what rich takes for markup.
        if self._live is None:
            self._console.print(Text(f"{outcome}  |  {self.summary()}"), soft_wrap=True)
        elif trial.failure is not None:
            self._console.print(Text(outcome), soft_wrap=True)

    def _is_best(self, trial: Trial) -> bool:
        if self._best is None or self._best.metric is None or trial.metric is None:
            return trial.metric is not None
        return trial.metric > self._best.metric if self._maximize else trial.metric < self._best.metric


def _outcome(trial: Trial) -> str:
    if trial.failure is not None:
        first_line = trial.failure.message.split("\n")[0]
        return f"{trial.state} ({trial.failure.kind}): {first_line}"
    return f"{trial.state} {trial.metric:.4g}" if trial.metric is not None else str(trial.state)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
