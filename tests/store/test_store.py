from __future__ import annotations

import os
import socket
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.space import Sample
from retix.store import ExperimentState, Store, StoreReader, list_ids
from retix.trial import Trial, TrialState
from tests.store.conftest import run_driver_that_dies

WAITING = Trial(1, Sample({"conv": "0"}), created=10.0)
RUNNING = replace(WAITING, state=TrialState.RUNNING, started=11.0)
SUCCEEDED = replace(RUNNING, state=TrialState.SUCCEEDED, metrics={"default": 0.5}, ended=12.0)


def reader_of(store: Store) -> StoreReader:
    """A reader of what the store has written."""
    return StoreReader(store.directory)


def test_each_change_is_seen_at_once(store: Store) -> None:
    """A reader sees every transition of a trial as soon as the call has returned."""
    store.add_trial(WAITING)
    assert reader_of(store).trial(1) == WAITING
    store.update_trial(RUNNING)
    assert reader_of(store).trial(1) == RUNNING
    store.update_trial(SUCCEEDED)
    assert reader_of(store).trial(1) == SUCCEEDED


def test_commits_wait_for_the_disk(store: Store) -> None:
    """The connection writes ahead and waits for the disk at every commit (SQLite: FULL is 2)."""
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_an_update_adds_what_is_missing(store: Store) -> None:
    """Updating a trial that is not recorded records it."""
    store.update_trial(SUCCEEDED)
    assert reader_of(store).trials() == [SUCCEEDED]


def test_a_running_trial_can_wait_again(store: Store) -> None:
    """A trial whose worker died goes back to waiting."""
    store.add_trial(RUNNING)
    store.update_trial(WAITING)
    assert reader_of(store).trial(1) == WAITING


def test_an_id_is_taken_once(store: Store) -> None:
    """Adding a second trial of the same id is refused and changes nothing."""
    store.add_trial(WAITING)
    with pytest.raises(StoreError, match="trial 1 is recorded already"):
        store.add_trial(replace(WAITING, sample=Sample({"conv": "1"})))
    assert reader_of(store).trials() == [WAITING]


@pytest.mark.parametrize("state", [state for state in TrialState if state.is_final])
def test_a_final_trial_never_changes(store: Store, state: TrialState) -> None:
    """A final trial can be written again as it stands, and in no other way."""
    final = replace(SUCCEEDED, state=state)
    store.add_trial(final)
    store.update_trial(final)
    for changed in (RUNNING, replace(final, metrics={"default": 0.9})):
        with pytest.raises(StoreError, match="nothing already recorded is ever lost"):
            store.update_trial(changed)
    assert reader_of(store).trials() == [final]


def test_a_sample_never_changes(store: Store) -> None:
    """Another sample under a known id is a mistake, and is refused."""
    store.add_trial(WAITING)
    with pytest.raises(StoreError, match="another sample"):
        store.update_trial(replace(RUNNING, sample=Sample({"conv": "1"})))


def test_reports_of_both_runs_are_kept(store: Store) -> None:
    """A trial that is run again reports its steps again, and nothing of the first run is lost."""
    store.add_trial(RUNNING)
    for time, value in ((1.0, 0.1), (2.0, 0.2)):
        store.add_report(1, 0, {"default": value}, time)
    assert [(r.step, r.metrics["default"], r.time) for r in reader_of(store).reports(1)] == [
        (0, 0.1, 1.0),
        (0, 0.2, 2.0),
    ]


def test_a_report_needs_its_trial(store: Store) -> None:
    """A report of an unknown trial is refused by its number."""
    with pytest.raises(StoreError, match="trial 7 reported, but is not recorded"):
        store.add_report(7, 0, {"default": 1.0}, 0.0)


def test_a_batch_is_all_or_nothing(store: Store) -> None:
    """What is in a batch is seen at its end, and not at all if it raises; the error stays what it was."""
    with store.batch():
        store.add_trial(WAITING)
        with store.batch():
            store.update_trial(RUNNING)
        assert reader_of(store).trials() == []
    assert reader_of(store).trials() == [RUNNING]

    def fail() -> None:
        with store.batch():
            store.update_trial(SUCCEEDED)
            raise FileNotFoundError("of the caller")

    with pytest.raises(FileNotFoundError, match="of the caller"):
        fail()
    assert reader_of(store).trials() == [RUNNING]
    store.update_trial(SUCCEEDED)
    assert reader_of(store).trials() == [SUCCEEDED]


def test_threads_may_share_the_store(store: Store) -> None:
    """Trials added by several threads are all there."""

    def add(first: int) -> None:
        for id in range(first, first + 20):
            with store.batch():
                store.add_trial(replace(WAITING, id=id))
                store.update_trial(replace(RUNNING, id=id))

    threads = [threading.Thread(target=add, args=(first,)) for first in (1, 21, 41)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [trial.id for trial in reader_of(store).trials()] == list(range(1, 61))


def test_the_state_says_when_it_ended(store: Store) -> None:
    """An experiment is running until a final state is set, which ends it."""
    info = reader_of(store).info()
    assert (info.state, info.ended) == (ExperimentState.RUNNING, None)
    store.set_state(ExperimentState.DONE)
    info = reader_of(store).info()
    assert info.state is ExperimentState.DONE
    assert info.ended is not None
    assert info.ended >= info.created


@pytest.mark.parametrize("state", [ExperimentState.INTERRUPTED, ExperimentState.UNREADABLE])
def test_what_readers_find_out_is_not_recorded(store: Store, state: ExperimentState) -> None:
    """No driver says of itself that it is gone."""
    with pytest.raises(StoreError, match="cannot be recorded"):
        store.set_state(state)


def test_files_lie_in_private_directories(store: Store) -> None:
    """A file is written whole, replaced whole, and lies where only the user can read it."""
    path = store.write_file("trials/1/graph.json", b"{}")
    assert path == store.trial_directory(1) / "graph.json"
    assert store.write_file("trials/1/graph.json", b"[]").read_bytes() == b"[]"
    for directory in (store.directory, store.directory / "trials", store.trial_directory(2)):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert (store.directory / "experiment.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_an_error_of_the_store(store: Store) -> None:
    """What the operating system refuses arrives as a StoreError that names the path."""
    store.write_file("taken", b"")
    with pytest.raises(StoreError, match=r"cannot be written(.|\n)*taken"):
        store.write_file("taken/file", b"")


def test_two_drivers_never_share_a_directory(tmp_path: Path) -> None:
    """Experiments created at once under one root have different ids."""
    ids: list[str] = []

    def create() -> None:
        for _ in range(5):
            with Store.create(tmp_path, name="", optimize_mode="minimize", config={}, versions={}) as store:
                ids.append(store.id)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 20
    assert list_ids(tmp_path) == sorted(ids)


def test_an_experiment_has_one_driver(store: Store, tmp_path: Path) -> None:
    """While one driver holds the experiment, another is refused; afterwards it may go on."""
    store.add_trial(WAITING)
    store.set_state(ExperimentState.STOPPED)
    with pytest.raises(StoreError, match="is being run already"):
        Store.open(tmp_path, store.id)
    store.close()
    with Store.open(tmp_path, store.id) as again:
        info = reader_of(again).info()
        assert (info.state, info.ended) == (ExperimentState.RUNNING, None)
        again.update_trial(SUCCEEDED)
    assert reader_of(store).best() == [SUCCEEDED]


def test_a_dead_driver_holds_nothing(tmp_path: Path) -> None:
    """An experiment whose driver was killed can be taken up, with everything that was recorded."""
    id = run_driver_that_dies(tmp_path)
    with Store.open(tmp_path, id) as store:
        store.add_trial(Trial(2, Sample()))
        assert [trial.id for trial in reader_of(store).trials()] == [1, 2]
        assert reader_of(store).info().state is ExperimentState.RUNNING


def test_a_missing_experiment_is_not_opened(tmp_path: Path) -> None:
    """Opening what is not there names it and creates nothing."""
    with pytest.raises(StoreError, match="no experiment 'absent'"):
        Store.open(tmp_path, "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_store_writes_nothing(store: Store) -> None:
    """After close, which may be repeated, every change is refused."""
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.add_trial(WAITING)


def test_a_newer_experiment_is_not_written(store: Store, tmp_path: Path) -> None:
    """Tables of a later retix are left alone."""
    store._connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreError, match=r"version 99(.|\n)*upgrade retix"):
        Store.open(tmp_path, store.id)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimize_mode": "max"}, "is no optimize_mode"),
        ({"config": {"model": object()}}, "the config of the experiment"),
    ],
)
def test_a_refused_experiment_leaves_nothing(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    """Arguments without a meaning are refused before anything is created."""
    with pytest.raises(StoreError, match=message):
        Store.create(tmp_path, **{"name": "", "optimize_mode": "maximize", "config": {}, "versions": {}, **arguments})  # type: ignore[arg-type]  # wrong on purpose
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """A root in which nothing can be created is an error that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        Store.create(tmp_path / "file", name="", optimize_mode="maximize", config={}, versions={})


def test_the_database_is_plain_sqlite(store: Store) -> None:
    """Another program that reads SQLite finds the tables that the architecture promises."""
    store.add_trial(SUCCEEDED)
    connection = sqlite3.connect(store.directory / "experiment.sqlite")
    assert connection.execute("SELECT state, metrics FROM trial").fetchall() == [("succeeded", '{"default": 0.5}')]
    connection.close()


def test_settings_are_replaced_and_kept(store: Store) -> None:
    """New settings hold at once, the others stay, and what each change replaced is told with its time."""
    assert store.update_config({"max_trial_number": 10, "seed": 3}) == {"max_trial_number": 10, "seed": 3}
    assert store.update_config({"max_trial_number": 20}) == {"max_trial_number": 20, "seed": 3}
    assert store.update_config({"seed": 3}) == {"max_trial_number": 20, "seed": 3}
    reader = reader_of(store)
    assert reader.info().config == {"max_trial_number": 20, "seed": 3}
    past = reader.past_configs()
    assert [one.config for one in past] == [{}, {"max_trial_number": 10, "seed": 3}]
    assert reader.info().created <= past[0].until <= past[1].until
    with pytest.raises(StoreError, match="cannot be written as JSON"):
        store.update_config({"model": object()})
    assert reader.info().config == {"max_trial_number": 20, "seed": 3}


def test_a_paused_experiment_has_not_ended(store: Store) -> None:
    """Paused it goes on existing without an end; if its driver is gone it is interrupted, like a running one."""
    store.set_state(ExperimentState.PAUSED)
    info = reader_of(store).info()
    assert (info.state, info.ended) == (ExperimentState.PAUSED, None)
    store._connection.execute("UPDATE experiment SET pid_mark = 'another boot:1'")
    assert reader_of(store).info().state is ExperimentState.INTERRUPTED


def test_a_second_driver_is_told_who_the_first_is(store: Store, tmp_path: Path) -> None:
    """The refusal names the process and the host of the driver that holds the experiment."""
    with pytest.raises(StoreError, match=rf"process {os.getpid()} on host '{socket.gethostname()}'"):
        Store.open(tmp_path, store.id)
