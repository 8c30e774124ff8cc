"""How a search is going, in the terminal."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from retix.experiment.search.limits import Limits
from retix.objective import Objective, Objectives
from retix.pareto import Costs, front
from retix.store import StoreReader, find_best, find_front
from retix.trial import FailureKind, Reported, Trial, TrialState


class Progress:
    """Shows trials done of the budget, running, failed, paused, pruned, the best, and the time left.

    In a terminal it is one line that keeps changing. Elsewhere each trial that ends is a line of its own. It holds
    counts, the best trial, the front where there are several objectives, and the states of those that have not ended.

    Args:
        budget: How many trials will be run, or None if that is not known.
        maximize: Whether a higher metric is better.
        console: Where to write.
        objectives: What the search is after, if that is more than the metric ``default``.
    """

    def __init__(
        self,
        budget: int | None,
        maximize: bool,
        console: Console | None = None,
        objectives: Objectives | None = None,
    ) -> None:
        self._console = console or Console(highlight=False)
        self._budget = budget
        self._objectives = objectives or Objectives([Objective(mode="maximize" if maximize else "minimize")])
        self._begin = time.monotonic()
        self._earlier = 0  # trials that were done before this run
        self._open: dict[int, TrialState] = {}
        self._paused: set[int] = set()  # of those that wait: by early stopping
        self._counts: Counter[TrialState] = Counter()
        self._invalid = 0  # samples that make no model; nothing of them was run
        self._best: Trial | None = None
        self._front: list[tuple[Costs, float]] = []  # costs and violations, where there are several objectives
        self._is_over = False
        self._has_warned = False
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
        self._paused = {trial.id for trial in waiting if trial.steps}
        self._best = next(iter(find_best(reader, 1, self._objectives)), None)
        if len(self._objectives) > 1:
            self._front = [self._judge(trial) for trial in find_front(reader, self._objectives)]
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
        self._paused.discard(trial.id)
        if not trial.state.is_final:
            self._open[trial.id] = trial.state
            if trial.state is TrialState.WAITING and trial.steps:
                self._paused.add(trial.id)
            return
        if trial.state is TrialState.SUCCEEDED:
            self._rank(trial)
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
        pruned, paused = counts[TrialState.PRUNED], len(self._paused)
        parts += [f"{pruned} pruned"] if pruned else []
        parts += [f"{paused} paused"] if paused else []
        parts += [f"{duplicates} duplicates"] if duplicates else []
        parts += [f"{self._invalid} invalid"] if self._invalid else []
        if self._best is not None:
            parts.append(f"best {self._best.metric:.4g} (trial {self._best.id})")
        if self._front:
            parts.append(f"front of {len(self._front)}")
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

    def _rank(self, trial: Trial) -> None:
        """Compare a trial that has succeeded with the best so far."""
        self._warn_of_missing(trial)
        mine = self._judge(trial)
        best = None if self._best is None else self._judge(self._best)
        # By the first objective, which is `default`; what breaks a limit comes behind all that do not.
        if trial.metric is not None and (best is None or (mine[1], mine[0][0]) < (best[1], best[0][0])):
            self._best = trial
        if len(self._objectives) > 1:
            met = [*self._front, mine]
            self._front = front(met, [costs for costs, _ in met], [violation for _, violation in met])

    def _warn_of_missing(self, trial: Trial) -> None:
        """Say once that an objective is no metric of the trials: that may be a slip, and nothing would come of it."""
        missing = [objective.name for objective in self._objectives if objective.name not in trial.metrics]
        if missing and not self._has_warned:
            self._has_warned = True
            known = ", ".join(map(repr, trial.metrics))
            warnings.warn(
                f"trial {trial.id} has no {missing[0]!r}, which is an objective; it has {known}. "
                "Trials without it count as the worst: report it, or name a measure of the space",
                RuntimeWarning,
                stacklevel=2,
            )

    def _judge(self, trial: Trial) -> tuple[Costs, float]:
        return self._objectives.costs(trial.metrics), self._objectives.violation(trial.metrics)


def _outcome(trial: Trial) -> str:
    if trial.failure is not None:
        first_line = trial.failure.message.split("\n")[0]
        return f"{trial.state} ({trial.failure.kind}): {first_line}"
    return f"{trial.state} {trial.metric:.4g}" if trial.metric is not None else str(trial.state)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
