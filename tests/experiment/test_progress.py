"""What the terminal shows."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from retix.experiment.progress import Progress
from retix.experiment.search.limits import Limits
from retix.objective import Limit, Objective, Objectives
from retix.space import Sample
from retix.store import Store, StoreReader
from retix.trial import Failure, FailureKind, Reported, Trial, TrialState

FAILURE = Failure(FailureKind.RAISED, "shapes [1, 2] and [/3] :smile: do not fit\nsecond line", "ValueError")


def make_trial(id: int, state: TrialState, metric: float | None = None, failure: Failure | None = None) -> Trial:
    """A trial in a state."""
    return Trial(id, Sample(), state, {} if metric is None else {"default": metric}, failure=failure)


def run_three(progress: Progress) -> None:
    """A success, a failure, a duplicate, and a trial that still runs."""
    for id in (1, 2, 3):
        progress.trial_changed(make_trial(id, TrialState.WAITING))
        progress.trial_changed(make_trial(id, TrialState.RUNNING))
    progress.trial_reported(make_trial(1, TrialState.RUNNING), Reported(1, 0, {"default": 0.1}, 0.0))
    progress.trial_changed(make_trial(1, TrialState.SUCCEEDED, 0.91234))
    progress.trial_changed(make_trial(2, TrialState.FAILED, failure=FAILURE))
    progress.trial_changed(make_trial(4, TrialState.DUPLICATE, 0.91234))


def test_plain_lines_where_there_is_no_terminal() -> None:
    """Each trial that ended is one line, whatever stands in its message; duplicates are counted only."""
    file = io.StringIO()
    with Progress(4, True, Console(file=file, width=40)) as progress:
        run_three(progress)
    first, second = file.getvalue().splitlines()
    assert first.startswith(
        "trial 1 succeeded 0.9123  |  1/4 trials, 2 running, 0 failed, best 0.9123 (trial 1), about "
    )
    assert second.startswith(
        "trial 2 failed (raised): shapes [1, 2] and [/3] :smile: do not fit  |  2/4 trials, 1 running, 1 failed, best"
    )
    assert first.endswith(" left")


def test_the_summary_names_its_parts() -> None:
    """Done of the budget, running, failed, duplicates, the best, and the time left."""
    progress = Progress(4, True, Console(file=io.StringIO()))
    assert progress.summary() == "0/4 trials, 0 running, 0 failed"
    run_three(progress)
    parts = progress.summary().split(", ")
    assert parts[:5] == ["2/4 trials", "1 running", "1 failed", "1 duplicates", "best 0.9123 (trial 1)"]
    assert parts[5].startswith("about ")


def test_without_a_budget_no_time_is_promised() -> None:
    """Nobody knows how long a search without an end will take."""
    progress = Progress(None, True, Console(file=io.StringIO()))
    run_three(progress)
    assert progress.summary() == "2/? trials, 1 running, 1 failed, 1 duplicates, best 0.9123 (trial 1)"


@pytest.mark.parametrize(("maximize", "best"), [(True, "best 0.9 (trial 2)"), (False, "best 0.1 (trial 3)")])
def test_the_best_follows_the_mode(maximize: bool, best: str) -> None:
    """Higher or lower is better; of equals the earlier is."""
    progress = Progress(None, maximize, Console(file=io.StringIO()))
    for id, metric in enumerate((0.5, 0.9, 0.1, 0.9, 0.1), 1):
        progress.trial_changed(make_trial(id, TrialState.SUCCEEDED, metric))
    assert progress.summary().endswith(best)


def test_a_terminal_shows_one_live_line() -> None:
    """The line is drawn again in its place; only failures stay above it."""
    file = io.StringIO()
    with Progress(4, True, Console(file=file, force_terminal=True, width=200)) as progress:
        run_three(progress)
    text = file.getvalue()
    assert "\x1b[2K" in text  # the line is erased to be drawn again
    assert text.count("trial 2 failed (raised): shapes [1, 2] and [/3] :smile: do not fit") == 1
    assert "trial 1 succeeded" not in text
    lines = [line for line in text.split("\x1b[2K") if "/4 trials" in line]
    assert "2/4 trials, 1 running, 1 failed, 1 duplicates, best 0.9123 (trial 1)" in lines[-1]


def test_no_time_is_left_when_it_is_over() -> None:
    """A search that ends before its budget does not say how long the rest would take."""
    with Progress(4, True, Console(file=io.StringIO())) as progress:
        run_three(progress)
        assert progress.summary().endswith(" left")
    assert progress.summary().endswith("best 0.9123 (trial 1)")


def test_it_goes_on_from_a_record(tmp_path: Path) -> None:
    """A search that is resumed counts what was done before, and the best of it; time left is by what is done now."""
    with Store.create(tmp_path, name="x", optimize_mode="maximize", config={}, versions={}) as store:
        for trial in (
            make_trial(1, TrialState.SUCCEEDED, 0.5),
            make_trial(2, TrialState.WAITING),
            make_trial(3, TrialState.DUPLICATE, 0.5),
            make_trial(4, TrialState.FAILED, failure=Failure(FailureKind.INVALID, "no such model")),
        ):
            store.add_trial(trial)
        progress = Progress(3, True, Console(file=io.StringIO()))
        progress.take_up(StoreReader(store.directory))
    assert progress.summary() == "1/3 trials, 0 running, 0 failed, 1 duplicates, 1 invalid, best 0.5 (trial 1)"
    progress.trial_changed(make_trial(2, TrialState.RUNNING))
    assert "1 running" in progress.summary()
    progress.trial_changed(make_trial(2, TrialState.SUCCEEDED, 0.4))
    assert progress.summary().startswith("2/3 trials, 0 running, 0 failed, 1 duplicates, 1 invalid, best 0.5 (trial 1)")
    assert progress.summary().endswith(" left")


def test_another_budget() -> None:
    """What the user sets on the way is counted down to."""
    progress = Progress(4, True, Console(file=io.StringIO()))
    progress.limits_changed(Limits(trials=9), 2)
    assert progress.summary().startswith("0/9 trials")


def test_it_holds_nothing_of_what_has_ended() -> None:
    """So that it does not grow with the search."""
    progress = Progress(None, True, Console(file=io.StringIO()))
    for id in range(1, 50):
        progress.trial_changed(make_trial(id, TrialState.RUNNING))
        progress.trial_changed(make_trial(id, TrialState.SUCCEEDED, 0.5))
    assert not progress._open


def test_the_front_and_what_early_stopping_did_are_counted(tmp_path: Path) -> None:
    """With several objectives the size of the front is shown beside the best; paused trials are those that wait."""
    aims = Objectives([Objective(), Objective("size", "minimize")], [Limit("size", at_most=50)])
    progress = Progress(9, True, Console(file=io.StringIO()), objectives=aims)
    results = [(0.9, 90.0), (0.5, 10.0), (0.6, 20.0), (0.4, 30.0)]
    with Store.create(tmp_path, name="", optimize_mode="maximize", config={}, versions={}) as store:
        for id, (metric, size) in enumerate(results, 1):
            trial = Trial(id, Sample(), TrialState.SUCCEEDED, {"default": metric, "size": size})
            progress.trial_changed(trial)
            store.add_trial(trial)
        paused = Trial(5, Sample(), TrialState.WAITING, {"default": 0.1}, steps=3, waits_for="paused")
        progress.trial_changed(paused)
        store.add_trial(paused)
        pruned = Trial(6, Sample(), TrialState.PRUNED, {"default": 0.1}, steps=1)
        progress.trial_changed(pruned)
        store.add_trial(pruned)
        said = "5/9 trials, 0 running, 0 failed, 1 pruned, 1 paused, best 0.6 (trial 3), front of 2"
        assert progress.summary().startswith(said)
        again = Progress(9, True, Console(file=io.StringIO()), objectives=aims)
        again.take_up(StoreReader(store.directory))
        assert again.summary() == said
    progress.trial_changed(replace(paused, state=TrialState.RUNNING))
    assert "paused" not in progress.summary()


def test_an_objective_that_nobody_reports_is_named_once() -> None:
    """A name that is written wrongly would make every trial the worst."""
    progress = Progress(9, True, Console(file=io.StringIO()), objectives=Objectives([Objective(), Objective("lose")]))
    with pytest.warns(RuntimeWarning, match="trial 1 has no 'lose'.*it has 'default'"):
        progress.trial_changed(make_trial(1, TrialState.SUCCEEDED, 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        progress.trial_changed(make_trial(2, TrialState.SUCCEEDED, 0.5))
