from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from retix.errors import StoreError
from retix.space import Sample
from retix.store import ExperimentState, JournalMode, Store, StoreReader
from retix.store.database import set_journal
from retix.trial import Trial, TrialState
from tests.store.conftest import create

MODES: tuple[JournalMode, ...] = ("wal", "truncate")
BOTH = pytest.mark.parametrize("journal", MODES)
WAITING = Trial(1, Sample({"conv": "0"}), created=10.0)

# A driver that goes through trials as a search does, and says after each durable batch how far it is.
DRIVER = """
import sys
from pathlib import Path
from retix.space import Sample
from retix.store import Store
from retix.trial import Trial, TrialState
root, id, journal = sys.argv[1:]
if id:
    store = Store.open(root, id, journal=journal)
else:
    store = Store.create(root, name="", optimize_mode="maximize", config={}, versions={}, journal=journal)
    print(store.id, flush=True)
number = int(sys.stdin.readline())
while True:
    number += 1
    trial = Trial(number, Sample({"text": "x" * 2000}))
    with store.batch():
        store.add_trial(trial)
        store.add_step("ask", number)
    print("ask", number, flush=True)
    with store.batch():
        store.update_trial(Trial(number, trial.sample, TrialState.SUCCEEDED, {"default": float(number)}))
        store.add_step("tell", number)
    print("tell", number, flush=True)
"""


@contextmanager
def driving(root: Path, id: str, journal: JournalMode, last: int) -> Iterator[subprocess.Popen[str]]:
    """A driver in a process of its own, which goes on after the last trial that there is."""
    arguments = [sys.executable, "-c", DRIVER, str(root), id, journal]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        process.stdin.write(f"{last}\n")
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate()


def read_line(process: subprocess.Popen[str]) -> str:
    """The next thing that a driver says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def check_whole(directory: Path, said: str = "ask 0") -> int:
    """Check that a database is sound, holds all that its driver said and nothing by half; return its last trial."""
    reader = StoreReader(directory)
    trials = reader.trials()
    ids = list(range(1, len(trials) + 1))
    assert [trial.id for trial in trials] == ids
    asked = [step.trial for step in reader.steps() if step.kind == "ask"]
    told = [step.trial for step in reader.steps() if step.kind == "tell"]
    assert asked == ids
    done = [trial.id for trial in trials if trial.state is TrialState.SUCCEEDED]
    assert told == done
    kind, number = said.split()
    assert (int(number) if number != "0" else 0) <= len(asked if kind == "ask" else told)
    with closing(sqlite3.connect(directory / "experiment.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return len(trials)


@BOTH
def test_a_driver_can_be_killed_at_any_moment(tmp_path: Path, journal: JournalMode) -> None:
    """Killed again and again in the midst of writing, drivers lose nothing they said, and the next one goes on."""
    rng = random.Random(journal)
    id, last = "", 0
    for _ in range(4):
        said = "ask 0"
        with driving(tmp_path, id, journal, last) as process:
            id = id or read_line(process)
            for _ in range(rng.randrange(1, 40)):
                said = read_line(process)
            time.sleep(rng.random() * 0.004)
            os.kill(process.pid, signal.SIGKILL)
        assert StoreReader(tmp_path / id).info().state is ExperimentState.INTERRUPTED
        last = check_whole(tmp_path / id, said)
        with Store.open(tmp_path, id, journal=journal) as store:
            # A trial that was asked for and not told is what a resume would run again.
            for trial in StoreReader(store.directory).trials(state=TrialState.WAITING):
                with store.batch():
                    store.update_trial(replace(trial, state=TrialState.SUCCEEDED))
                    store.add_step("tell", trial.id)
    assert last > 0


@BOTH
def test_power_can_fail_at_any_moment(tmp_path: Path, journal: JournalMode) -> None:
    """Whatever a disk holds at one moment in the midst of writing is sound, and has all that was said before."""
    rng = random.Random(journal)
    with driving(tmp_path / "root", "", journal, 0) as process:
        id = read_line(process)
        for number in range(8):
            for _ in range(rng.randrange(1, 30)):
                said = read_line(process)
            os.kill(process.pid, signal.SIGSTOP)
            copy = tmp_path / f"copy{number}" / id
            shutil.copytree(tmp_path / "root" / id, copy)
            os.kill(process.pid, signal.SIGCONT)
            (copy / "experiment.sqlite-shm").unlink(missing_ok=True)  # memory of the machine that lost its power
            last = check_whole(copy, said)
            with Store.open(copy.parent, id, journal=journal) as store:
                store.add_trial(Trial(last + 1, Sample()))


def test_a_log_that_was_cut_off_is_sound(tmp_path: Path) -> None:
    """However much of the log reached the disk, what can be read is a moment that there was."""
    rng = random.Random(0)
    with driving(tmp_path / "root", "", "wal", 0) as process:
        id = read_line(process)
        for _ in range(60):
            read_line(process)
        os.kill(process.pid, signal.SIGSTOP)
        lengths = []
        for number in range(12):
            copy = tmp_path / f"copy{number}" / id
            shutil.copytree(tmp_path / "root" / id, copy)
            (copy / "experiment.sqlite-shm").unlink()
            with (copy / "experiment.sqlite-wal").open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.truncate(rng.randrange(size // 2, size))
            lengths.append(check_whole(copy))
    assert len(set(lengths)) > 3


@BOTH
def test_readers_and_driver_get_along(tmp_path: Path, journal: JournalMode) -> None:
    """While a driver writes without a pause, every look of a reader succeeds and finds a moment that there was."""
    with driving(tmp_path, "", journal, 0) as process:
        reader = StoreReader(tmp_path / read_line(process))
        seen = 0
        for _ in range(15):
            said = read_line(process)
            trials = reader.trials()
            assert len(trials) >= max(seen, int(said.split()[1]))
            seen = len(trials)
            reader.failures()
        assert process.poll() is None


def test_where_there_is_no_log_a_reader_sees_the_state_before(tmp_path: Path) -> None:
    """Without a write-ahead log too, an open batch blocks no reader, and no file of a log is there."""
    with create(tmp_path, journal="truncate") as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (3,)
        with store.batch():
            store.add_trial(WAITING)
            assert StoreReader(store.directory).trials() == []
        assert StoreReader(store.directory).trials() == [WAITING]
        assert not any(path.name.endswith(("-wal", "-shm")) for path in store.directory.iterdir())
    before = {path.name: path.stat().st_mtime_ns for path in store.directory.iterdir()}
    assert StoreReader(store.directory).trials() == [WAITING]
    assert {path.name: path.stat().st_mtime_ns for path in store.directory.iterdir()} == before
    assert {path.stat().st_mode & 0o777 for path in store.directory.iterdir() if path.is_file()} == {0o600}


@pytest.mark.parametrize(("first", "second"), [("wal", "truncate"), ("truncate", "wal")])
def test_an_experiment_moves_between_file_systems(tmp_path: Path, first: JournalMode, second: JournalMode) -> None:
    """A driver that died on a disk leaves a log; the next one, on a network, reads it and goes on without; and back."""
    with driving(tmp_path, "", first, 0) as process:
        id = read_line(process)
        said = [read_line(process) for _ in range(8)][-1]
        os.kill(process.pid, signal.SIGKILL)
    with Store.open(tmp_path, id, journal=second) as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == (second,)
        assert (store.directory / "experiment.sqlite-wal").exists() == (second == "wal")
        last = check_whole(store.directory, said)
        store.add_trial(Trial(last + 1, Sample()))
        assert len(StoreReader(store.directory).trials()) == last + 1


def test_a_half_written_change_is_taken_back(tmp_path: Path) -> None:
    """A driver without a log that died in the midst of a change leaves a copy, by which readers and drivers undo it."""
    with create(tmp_path / "root", journal="truncate") as store:
        store.add_trial(WAITING)
        store._connection.execute("PRAGMA cache_spill = 1")
        store._connection.execute("PRAGMA cache_size = 1")
        with store.batch():
            for id in range(2, 200):
                store.add_trial(Trial(id, Sample({"text": "x" * 3000})))
            # More than the memory it may take: part of the change is in the file, and the copy beside it.
            assert (store.directory / "experiment.sqlite-journal").stat().st_size > 512
            for name in ("reader", "driver"):
                shutil.copytree(store.directory, tmp_path / name / store.id)
    assert StoreReader(tmp_path / "reader" / store.id).trials() == [WAITING]
    with Store.open(tmp_path / "driver", store.id, journal="truncate") as again:
        assert StoreReader(again.directory).trials() == [WAITING]
        assert again._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("vfs", ["unix-dotfile", "unix-none"])
def test_where_no_log_can_be_it_falls_back(tmp_path: Path, vfs: str) -> None:
    """SQLite on a file system without shared memory refuses the log; the copy is taken instead, as safe."""
    uri = f"{(tmp_path / 'x.sqlite').as_uri()}?vfs={vfs}"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        assert set_journal(connection, "wal") == "truncate"
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
        connection.execute("CREATE TABLE t (x)")
    assert not (tmp_path / "x.sqlite-wal").exists()


@BOTH
def test_a_full_disk_loses_nothing_that_was_said(tmp_path: Path, journal: JournalMode) -> None:
    """When there is no space left the change is refused with what to do, all before it stays, and space heals it."""
    with create(tmp_path, journal=journal) as store:
        store.add_trial(WAITING)
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        large = Trial(2, Sample({"text": "x" * 10_000}))
        with pytest.raises(StoreError, match=r"full(.|\n)*has space"):
            store.add_trial(large)
        assert StoreReader(store.directory).trials() == [WAITING]
        store._connection.execute("PRAGMA max_page_count = 100000")
        store.add_trial(large)
        assert StoreReader(store.directory).trials() == [WAITING, large]


@BOTH
def test_a_round_of_events_is_one_commit(tmp_path: Path, journal: JournalMode) -> None:
    """Whatever is in a batch, the disk is waited for once: another connection sees the version change by one."""
    with (
        create(tmp_path, journal=journal) as store,
        closing(sqlite3.connect(store.directory / "experiment.sqlite", isolation_level=None)) as other,
    ):
        versions = [other.execute("PRAGMA data_version").fetchone()]
        for id in range(1, 4):
            with store.batch():
                store.add_trial(replace(WAITING, id=id))
                store.begin_attempt(id, 1, "w", 1.0)
                store.add_step("ask", id)
                store.update_trial(replace(WAITING, id=id, state=TrialState.RUNNING))
                assert other.execute("PRAGMA data_version").fetchone() == versions[-1]
            versions.append(other.execute("PRAGMA data_version").fetchone())
        assert len(set(versions)) == 4
