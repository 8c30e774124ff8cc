"""What a recorded search is after, and the trials that are best by it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from retix.errors import RetixError, StoreError
from retix.objective import Limit, Objective, Objectives
from retix.pareto import front
from retix.store.info import ExperimentInfo
from retix.store.reader import StoreReader
from retix.trial import Trial, TrialState

# Trials that are read at once, so that the record of a long search need not fit in memory.
_PAGE = 1000


def read_objectives(info: ExperimentInfo) -> Objectives:
    """What a search is after, from its recorded settings: ``default`` in its direction, if they say no more.

    Raises:
        StoreError: The settings were changed by hand, and wrongly.
    """
    try:
        objectives = [Objective(**item) for item in info.config.get("objectives") or ()]
        limits = [Limit(**item) for item in info.config.get("limits") or ()]
        return Objectives(objectives or [Objective(mode=info.optimize_mode)], limits)
    except (TypeError, RetixError) as error:
        raise StoreError(f"the objectives of the experiment {info.id!r} cannot be read: {error}") from error


def find_front(reader: StoreReader, objectives: Objectives | None = None) -> list[Trial]:
    """The trials that succeeded and that no other is better than, sorted by the first objective.

    With one objective these are the best trial and its equals. Trials within the limits come before all others; if
    there is none, the front is of those that are closest to them. Duplicates are left out.

    Args:
        reader: The experiment.
        objectives: What counts; by default what the search is after.

    Raises:
        StoreError: The experiment cannot be read.
    """
    aims = objectives or read_objectives(reader.info())
    found: list[Trial] = []
    for page in _read_pages(reader):
        # What is dominated in a part is dominated in the whole.
        met = found + page
        metrics = [trial.metrics for trial in met]
        found = front(met, [aims.costs(each) for each in metrics], [aims.violation(each) for each in metrics])
    return sorted(found, key=lambda trial: (aims.costs(trial.metrics)[0], trial.id))


def find_best(reader: StoreReader, count: int, objectives: Objectives | None = None) -> list[Trial]:
    """The best trials that succeeded, best first; with several objectives those of the front, sorted by the first.

    Args:
        reader: The experiment.
        count: How many at most.
        objectives: What counts; by default what the search is after.

    Raises:
        StoreError: The experiment cannot be read.
    """
    info = reader.info()
    aims = objectives or read_objectives(info)
    if len(aims) > 1:
        return find_front(reader, aims)[:count]
    if not aims.limits and aims.objectives == (Objective(mode=info.optimize_mode),):
        return reader.best(count)
    trials = (trial for page in _read_pages(reader) for trial in page)
    return heapq.nsmallest(
        count, trials, key=lambda trial: (aims.violation(trial.metrics), aims.costs(trial.metrics), trial.id)
    )


def _read_pages(reader: StoreReader) -> Iterator[list[Trial]]:
    last: int | None = None
    while page := reader.trials(limit=_PAGE, state=TrialState.SUCCEEDED, after_id=last):
        yield page
        last = page[-1].id
