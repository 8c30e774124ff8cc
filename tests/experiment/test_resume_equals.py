"""A search whose driver is killed and resumed proposes what an undisturbed one does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.experiment.resumed import EPOCH_PERIOD, PERIOD, STOPPED_EARLY, STRATEGIES, TRIALS

REPOSITORY = Path(__file__).parents[2]

IN_TRIAL, AT_COMMIT, NEVER = "in a trial", "at a commit", "never"

SEEDED = [name for name in STRATEGIES if name != "random without seed"]

# A strategy of NNI's kind acts on its own time: what it submits next depends on results alone, one at a time.
# And verdicts of early stopping depend on which trial reports first. Reinforcement learning takes its time.
PAIRED = [name for name in SEEDED if name not in ("of NNI's kind", STOPPED_EARLY, "rl")]

KILLED = [(name, how) for name in SEEDED for how in (IN_TRIAL, AT_COMMIT) if (name, how) != ("rl", IN_TRIAL)]

CASES: list[tuple[str, bool, str]] = [
    *((name, False, NEVER) for name in SEEDED),
    *((name, False, how) for name, how in KILLED),
    *((name, True, how) for name in PAIRED for how in (NEVER, IN_TRIAL, AT_COMMIT)),
    ("random without seed", False, IN_TRIAL),
    ("random with that seed", False, NEVER),
]


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool, str], dict[str, Any]]:
    """What came of each case; all run in one helper process, which imports torch once."""
    root = tmp_path_factory.mktemp("resumed")
    command = [sys.executable, "-m", "tests.experiment.resumed", str(root), json.dumps(CASES)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


def test_every_search_came_to_its_end(searches: dict[tuple[str, bool, str], dict[str, Any]]) -> None:
    """Every driver but those that were killed ended well, and every budgeted trial has a final state."""
    failed = {case: found["log"] for case, found in searches.items() if found["status"] != 0}
    assert not failed, failed
    for case, found in searches.items():
        assert found["state"] == "done", case
        own = [state for state, _, _ in found["ends"] if state != "duplicate"]
        assert len(own) == TRIALS, case
        ends = {"succeeded", "pruned" if case[0] == STOPPED_EARLY else "failed"}
        if case[0] in SEEDED:
            assert set(own) == ends, case
        else:  # chance may draw none of the networks that raise
            assert set(own) <= ends, case


@pytest.mark.parametrize(("name", "how"), KILLED)
def test_killed_drivers_leave_no_trace(
    name: str, how: str, searches: dict[tuple[str, bool, str], dict[str, Any]]
) -> None:
    """One trial at a time: the same samples, results and parents, in the same order."""
    check_equal(searches[name, False, how], searches[name, False, NEVER], how)


@pytest.mark.parametrize("how", [NEVER, IN_TRIAL, AT_COMMIT])
@pytest.mark.parametrize("name", PAIRED)
def test_two_at_a_time(name: str, how: str, searches: dict[tuple[str, bool, str], dict[str, Any]]) -> None:
    """Two trials at a time, of which either may end first: the same, with ``config.deterministic``."""
    undisturbed = searches[name, True, NEVER]
    check_equal(searches[name, True, how], undisturbed, how)


def test_early_stopping_takes_up_where_it_was(searches: dict[tuple[str, bool, str], dict[str, Any]]) -> None:
    """Each trial is told once, however often it was paused and lost; no checkpoint of one that has ended is left."""
    for how in (NEVER, IN_TRIAL, AT_COMMIT):
        found = searches[STOPPED_EARLY, False, how]
        assert found["told"] == list(range(1, len(found["ends"]) + 1))
        assert found["pauses"] == searches[STOPPED_EARLY, False, NEVER]["pauses"]
        assert {steps for _, steps in found["pauses"]} == {1, 3}
        assert found["checkpoints"] == []
        assert found["snapshots"]


def test_a_seed_that_was_drawn_is_kept(searches: dict[tuple[str, bool, str], dict[str, Any]]) -> None:
    """A strategy without a seed goes on with the one it drew at the beginning."""
    check_equal(
        searches["random without seed", False, IN_TRIAL], searches["random with that seed", False, NEVER], IN_TRIAL
    )


def check_equal(found: dict[str, Any], undisturbed: dict[str, Any], how: str) -> None:
    """Two searches are equal, the first one having lost drivers if ``how`` says so."""
    assert found["samples"] == undisturbed["samples"]
    assert found["ends"] == undisturbed["ends"]
    assert found["steps"] == undisturbed["steps"]
    if how == IN_TRIAL:
        own = [steps for (state, *_), steps in zip(found["ends"], found["steps"], strict=True) if state != "duplicate"]
        chances, period = (sum(own), EPOCH_PERIOD) if found["pauses"] else (TRIALS, PERIOD)
        assert found["drivers"] == 1 + chances // period
    elif how == AT_COMMIT:
        assert found["drivers"] > 3
    else:
        assert found["drivers"] == 1
