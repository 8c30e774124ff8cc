from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retix.errors import StoreError
from retix.space import Sample
from retix.store import (
    ExperimentState,
    OptimizeMode,
    Store,
    StoreReader,
    TrialOrder,
    read_experiment,
)
from retix.store.queries import (
    ALL_REPORTS,
    ATTEMPTS,
    BEST,
    COUNTS,
    FAILED_TRIALS,
    FIRST,
    PAGES,
    PAGES_IN_STATE,
    REPORTS,
    STEPS,
)
from retix.store.records import FIND_ORIGINAL
from retix.trial import Trial, TrialState
from tests.store.conftest import create, run_driver_that_dies


def succeeded(id: int, metric: float) -> Trial:
    """A trial with a result."""
    return Trial(id, Sample({"width": id}), TrialState.SUCCEEDED, {"default": metric})


def test_the_experiment_is_told_as_it_was_created(tmp_path: Path) -> None:
    """Name, settings, versions, process and host come back; a name without UTF-8 form is made readable."""
    with create(
        tmp_path, name="caf\u00e9 \udcff", config={"max_trial_number": 3}, versions={"torch": "2.13.0"}
    ) as store:
        info = read_experiment(tmp_path, store.id).info()
    assert (info.id, info.name, info.pid) == (store.id, "caf\u00e9 \\udcff", os.getpid())
    assert (info.config, info.versions) == ({"max_trial_number": 3}, {"torch": "2.13.0"})
    assert info.state is ExperimentState.RUNNING
    assert info.optimize_mode == "maximize"
    assert info.problem is None


def test_pages_follow_the_ids(store: Store) -> None:
    """A page has the trials of its place, from either end; past the end there are none."""
    with store.batch():
        for id in range(1, 11):
            store.add_trial(succeeded(id, 0.5))
    reader = StoreReader(store.directory)

    def ids(offset: int, limit: int | None, order: TrialOrder) -> list[int]:
        return [trial.id for trial in reader.trials(offset, limit, order)]

    assert ids(0, None, "oldest") == list(range(1, 11))
    assert ids(3, 2, "oldest") == [4, 5]
    assert ids(0, 3, "newest") == [10, 9, 8]
    assert ids(9, 5, "newest") == [1]
    assert ids(10, 5, "oldest") == []
    assert ids(0, 0, "oldest") == []


def test_a_page_can_be_of_one_state(store: Store) -> None:
    """With a state given, only trials in it count."""
    for id in range(1, 7):
        store.add_trial(succeeded(id, 0.5) if id % 2 else Trial(id, Sample(), TrialState.FAILED))
    reader = StoreReader(store.directory)
    assert [trial.id for trial in reader.trials(1, 5, state=TrialState.FAILED)] == [4, 6]
    assert [trial.id for trial in reader.trials(0, 1, "newest", state=TrialState.SUCCEEDED)] == [5]


@pytest.mark.parametrize("call", [lambda r: r.trials(-1), lambda r: r.trials(0, -1), lambda r: r.best(-1)])
def test_a_page_of_less_than_nothing_is_refused(store: Store, call: Any) -> None:
    """A negative number is refused, not taken for all."""
    with pytest.raises(StoreError, match="has no meaning"):
        call(StoreReader(store.directory))


@pytest.mark.parametrize(("mode", "ids"), [("maximize", [3, 1, 5]), ("minimize", [2, 1, 5])])
def test_the_best_honour_the_mode(tmp_path: Path, mode: OptimizeMode, ids: list[int]) -> None:
    """The best come first, the earlier of equals before the later; duplicates, failures and the unfinished are out."""
    with create(tmp_path, optimize_mode=mode) as store:
        for id, metric in enumerate((0.5, 0.1, 0.9), start=1):
            store.add_trial(succeeded(id, metric))
        store.add_trial(replace(succeeded(4, 0.9), state=TrialState.DUPLICATE, duplicate_of=3))
        store.add_trial(succeeded(5, 0.5))
        store.add_trial(Trial(6, Sample(), TrialState.FAILED))
        store.add_trial(replace(succeeded(7, 9.9), state=TrialState.RUNNING))
        store.add_trial(Trial(8, Sample(), TrialState.SUCCEEDED, {"other": 1.0}))
        assert [trial.id for trial in StoreReader(store.directory).best(3)] == ids
        assert len(StoreReader(store.directory).best(99)) == 4


def test_every_state_is_counted(store: Store) -> None:
    """The counts have every state, also those that no trial is in."""
    store.add_trial(succeeded(1, 0.5))
    store.add_trial(Trial(2, Sample()))
    counts = StoreReader(store.directory).counts()
    assert counts == {state: int(state in (TrialState.SUCCEEDED, TrialState.WAITING)) for state in TrialState}


def test_a_missing_trial_is_named(store: Store) -> None:
    """Asking for a trial that is not there says which."""
    with pytest.raises(StoreError, match="has no trial 3"):
        StoreReader(store.directory).trial(3)
    assert StoreReader(store.directory).reports(3) == []


# Values for each query: a page of 20 from the first trial on.
VALUES: dict[str, tuple[Any, ...]] = {
    BEST: (20,),
    PAGES["oldest"]: (FIRST["oldest"], 20, 0),
    PAGES["newest"]: (FIRST["newest"], 20, 0),
    PAGES_IN_STATE["oldest"]: ("succeeded", FIRST["oldest"], 20, 0),
    PAGES_IN_STATE["newest"]: ("succeeded", FIRST["newest"], 20, 0),
    REPORTS: (1,),
    ALL_REPORTS: (0, 20),
    STEPS: (0, 20),
    ATTEMPTS: (1,),
    FIND_ORIGINAL: ("digest",),
    FAILED_TRIALS: (),
    COUNTS: (),
}


@pytest.mark.parametrize("query", VALUES)
def test_no_query_sorts_or_scans_by_hand(store: Store, query: str) -> None:
    """Every query follows an index or the ids themselves; none needs a temporary tree or reads what is not asked."""
    plan = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {query}", VALUES[query])]
    assert all("INDEX" in step or "PRIMARY KEY" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def count_steps(store: Store, query: str, values: tuple[Any, ...], rows: int) -> int:
    """How many steps of its machine SQLite takes to answer a query."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with closing(sqlite3.connect(store.directory / "experiment.sqlite")) as connection:
        connection.set_progress_handler(step, 1)
        assert len(connection.execute(query, values).fetchall()) == rows
    return count


@pytest.mark.parametrize("query", [BEST, *PAGES.values(), *PAGES_IN_STATE.values()])
def test_a_page_costs_the_same_in_a_long_experiment(store: Store, query: str) -> None:
    """SQLite takes no more steps for the first page of 2,000 equally good trials than of 200."""
    add_trials(store, range(1, 201))
    short = count_steps(store, query, VALUES[query], 20)
    add_trials(store, range(201, 2001))
    assert count_steps(store, query, VALUES[query], 20) <= short


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_the_last_page_costs_what_the_first_does(store: Store, order: TrialOrder) -> None:
    """After the last id of the page before it, the last page is found in as many steps as the first."""
    add_trials(store, range(1, 2001))
    last = 1980 if order == "oldest" else 21
    first = count_steps(store, PAGES[order], (FIRST[order], 20, 0), 20)
    assert count_steps(store, PAGES[order], (last, 20, 0), 20) <= first + 1
    first = count_steps(store, PAGES_IN_STATE[order], ("succeeded", FIRST[order], 20, 0), 20)
    assert count_steps(store, PAGES_IN_STATE[order], ("succeeded", last, 20, 0), 20) <= first + 1


def test_pages_go_on_after_an_id(store: Store) -> None:
    """The last id of one page leads to the next, from either end, in one state too."""
    add_trials(store, range(1, 8))
    store.add_trial(Trial(8, Sample(), TrialState.FAILED))
    reader = StoreReader(store.directory)
    assert [trial.id for trial in reader.trials(limit=3, after_id=3)] == [4, 5, 6]
    assert [trial.id for trial in reader.trials(limit=3, order="newest", after_id=3)] == [2, 1]
    assert [trial.id for trial in reader.trials(after_id=5, state=TrialState.SUCCEEDED)] == [6, 7]
    assert reader.trials(after_id=8) == []


def add_trials(store: Store, ids: range) -> None:
    """Record equally good trials."""
    with store.batch():
        for id in ids:
            store.add_trial(succeeded(id, 0.5))


def test_reading_never_blocks_the_driver(store: Store) -> None:
    """A reader in the middle of a long read sees one moment, while the driver goes on writing."""
    store.add_trial(succeeded(1, 0.5))
    reader = StoreReader(store.directory)
    with reader._connection() as connection:
        assert connection.execute("SELECT count(*) FROM trial").fetchone() == (1,)
        store.add_trial(succeeded(2, 0.5))
        assert connection.execute("SELECT count(*) FROM trial").fetchone() == (1,)
    assert len(reader.trials()) == 2


def test_an_open_batch_blocks_no_reader(store: Store) -> None:
    """While the driver is in a batch, readers see the state before it."""
    with store.batch():
        store.add_trial(succeeded(1, 0.5))
        assert StoreReader(store.directory).counts()[TrialState.SUCCEEDED] == 0


def test_reading_changes_nothing(store: Store) -> None:
    """Reading an experiment that has ended leaves its directory as it was; writing through a reader fails."""
    store.add_trial(succeeded(1, 0.5))
    store.close()
    reader = StoreReader(store.directory)
    before = {path.name: path.stat().st_mtime_ns for path in store.directory.iterdir()}
    assert len(reader.trials()) == len(reader.best()) == 1
    with pytest.raises(StoreError, match="readonly"), reader._connection() as connection:
        connection.execute("DELETE FROM trial")
    assert {path.name: path.stat().st_mtime_ns for path in store.directory.iterdir()} == before
    assert not any(name.endswith(("-wal", "-shm")) for name in before)


def test_a_crash_loses_nothing(tmp_path: Path) -> None:
    """After its driver was killed, an experiment is interrupted, and reads with all that was recorded."""
    id = run_driver_that_dies(tmp_path)
    assert (tmp_path / id / "experiment.sqlite-wal").stat().st_size > 0
    reader = read_experiment(tmp_path, id)
    assert reader.info().state is ExperimentState.INTERRUPTED
    assert [trial.id for trial in reader.trials()] == [1]


@pytest.mark.parametrize(
    ("column", "value", "state"),
    [
        ("pid_mark", "another boot:1", ExperimentState.INTERRUPTED),
        ("host", "elsewhere.example", ExperimentState.RUNNING),
    ],
)
def test_a_reused_pid_deceives_nobody(store: Store, column: str, value: str, state: ExperimentState) -> None:
    """A process that only has the driver's id is not the driver; of another machine nothing is concluded."""
    store._connection.execute(f"UPDATE experiment SET {column} = ?", (value,))
    assert StoreReader(store.directory).info().state is state


def test_an_ended_experiment_stays_what_it_was(store: Store) -> None:
    """Only a running experiment can be interrupted."""
    store.set_state(ExperimentState.FAILED)
    store._connection.execute("UPDATE experiment SET pid_mark = 'gone'")
    assert StoreReader(store.directory).info().state is ExperimentState.FAILED


def test_a_newer_experiment_is_refused(store: Store) -> None:
    """Tables of a later retix are not guessed at."""
    store._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"version 99(.|\n)*upgrade retix"):
        StoreReader(store.directory).counts()


@pytest.mark.parametrize("value", ["not json", "[]", '{"kind": "raised"}'])
def test_a_damaged_row_is_an_error_of_the_store(store: Store, value: str) -> None:
    """What a damaged row holds arrives as a StoreError, whatever it is."""
    store.add_trial(replace(succeeded(1, 0.5), state=TrialState.FAILED))
    store._connection.execute("UPDATE trial SET failure = ?", (value,))
    with pytest.raises(StoreError, match="cannot be read"):
        StoreReader(store.directory).trials()


def test_the_path_may_hold_anything(tmp_path: Path) -> None:
    """A root whose name means something in a URI is only a name."""
    root = tmp_path / "100%?mode=rwc#x"
    with create(root) as store:
        store.add_trial(succeeded(1, 0.5))
        assert len(read_experiment(root, store.id).trials()) == 1
    assert len(read_experiment(root, store.id).trials()) == 1


def test_a_trial_finds_its_files(store: Store) -> None:
    """A reader names the directory that the driver made, and makes none."""
    reader = StoreReader(store.directory)
    assert not reader.trial_directory(2).exists()
    assert store.trial_directory(2) == reader.trial_directory(2)
