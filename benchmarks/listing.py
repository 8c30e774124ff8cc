"""What it costs to look into a large experiment while it is written.

Measured: the time from the call to the records of `StoreReader.trials` for pages of 100 of 100,000 trials with seven
decisions each: the first page, one in the middle, the last; of one state only; the best, the counts and the failures. A
second process writes a trial about every millisecond into the same experiment meanwhile, durably, as a driver does. The
median and the slowest of 50 calls each, in wall time; each call opens the database anew.

Aim: every page in at most 50 ms.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.report import Figures, Report, format_seconds
from retix.space import Sample
from retix.store import Store, StoreReader
from retix.trial import Failure, FailureKind, Trial, TrialState

TRIALS = 100_000
PAGE = 100
CALLS = 50

AIM = f"a page of {PAGE} of {TRIALS:,} trials takes at most 50 ms, while a driver writes"

_BATCH = 5_000


def run() -> Report:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="retix-bench-") as name:
        directory = fill_store(Path(name))
        reader = StoreReader(directory)
        quiet = {f"{what}, nobody writes": _time(call) for what, call in list_calls(reader).items()}
        with writing(directory):
            busy = {f"{what}, while a driver writes": _time(call) for what, call in list_calls(reader).items()}
    return Report(AIM, (Figures(f"median and slowest of {CALLS} calls", {**busy, **quiet}),))


def fill_store(root: Path) -> Path:
    """An experiment with all the trials; returns its directory."""
    rng = random.Random(1)
    with Store.create(root, name="large", optimize_mode="maximize", config={}, versions={}) as store:
        for first in range(1, TRIALS + 1, _BATCH):
            with store.batch():
                for id in range(first, min(first + _BATCH, TRIALS + 1)):
                    store.update_trial(make_trial(id, rng))
        return store.directory


def make_trial(id: int, rng: random.Random) -> Trial:
    """A trial as a search leaves it: nine of ten have succeeded, the others have failed."""
    sample = Sample({f"decision_{number}": rng.randrange(10) for number in range(7)})
    now = 1.7e9 + id
    trial = Trial(id, sample, digest=f"{rng.getrandbits(128):032x}", created=now, started=now + 0.1, ended=now + 0.5)
    if rng.random() < 0.9:
        return replace(trial, state=TrialState.SUCCEEDED, metrics={"default": rng.random(), "loss": rng.random()})
    kind = rng.choice([FailureKind.RAISED, FailureKind.TIMEOUT, FailureKind.OUT_OF_MEMORY])
    failure = Failure(kind, "the model raised ValueError: too wide", "ValueError", "a line of the traceback\n" * 20)
    return replace(trial, state=TrialState.FAILED, failure=failure)


def list_calls(reader: StoreReader) -> dict[str, Callable[[], object]]:
    """What people look at."""
    last = TRIALS - PAGE
    succeeded, failed = TrialState.SUCCEEDED, TrialState.FAILED
    return {
        "first page": lambda: reader.trials(0, PAGE),
        "middle page": lambda: reader.trials(TRIALS // 2, PAGE),
        "last page": lambda: reader.trials(last, PAGE),
        "latest page": lambda: reader.trials(0, PAGE, "newest"),
        "last page of the succeeded": lambda: reader.trials(int(TRIALS * 0.89), PAGE, state=succeeded),
        "first page of the failed": lambda: reader.trials(0, PAGE, state=failed),
        "the ten best": lambda: reader.best(10),
        "counts by state": reader.counts,
    }


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """A driver writes meanwhile."""
    command = [sys.executable, "-c", f"from benchmarks.listing import write; write({str(directory)!r})"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as driver:
        try:
            assert driver.stdout is not None
            driver.stdout.readline()  # it has begun
            yield
        finally:
            driver.terminate()


def write(directory: str) -> None:
    """Add trial after trial, each in three durable steps, until this process is ended."""
    path = Path(directory)
    rng = random.Random(2)
    with Store.open(path.parent, path.name) as store:
        id = TRIALS
        while True:
            id += 1
            ended = make_trial(id, rng)
            waiting = replace(ended, state=TrialState.WAITING, metrics={}, failure=None, started=None, ended=None)
            store.update_trial(waiting)
            store.update_trial(replace(waiting, state=TrialState.RUNNING, started=ended.started))
            store.update_trial(ended)
            if id == TRIALS + 1:
                print("begun", flush=True)
            time.sleep(0.001)


def _time(call: Callable[[], object]) -> str:
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return f"{format_seconds(statistics.median(times))}, at most {format_seconds(max(times))}"
