from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from retix.space import Sample
from retix.store import Store
from retix.trial import Failure, FailureKind, Trial, TrialState
from tests.cli.conftest import Run

# Markup, an emoji code, a colour, a cursor movement, a line break, reversed writing and a C1 control.
HOSTILE = "[red]x[/red] :smile: \x1b[31m \r\n \u202e \x9b2J"


def test_the_list_is_json(run: Run, root: Path, id: str) -> None:
    """Each experiment is an object with its counts and its best trial."""
    result = run("list", "--dir", root, "--json")
    (experiment,) = json.loads(result.out)
    assert result.code == 0
    assert (experiment["id"], experiment["name"], experiment["state"]) == (id, "digits", "done")
    assert isinstance(experiment["created"], float)
    assert experiment["trials"]["succeeded"] == 2
    assert sum(experiment["trials"].values()) == 4
    assert (experiment["best"]["id"], experiment["best"]["metric"]) == (2, 0.875)


def test_the_list_is_a_table(run: Run, root: Path, id: str) -> None:
    """Without --json the list is one line for each experiment."""
    lines = run("list", "--dir", root).out.splitlines()
    assert lines[0].split() == ["id", "name", "state", "created", "trials", "best"]
    assert [lines[1].split()[i] for i in (0, 1, 2, 5, 6)] == [id, "digits", "done", "4", "0.875"]


def test_no_experiments_are_no_error(run: Run, root: Path) -> None:
    """Before the first experiment the list is empty, and says where it looked."""
    assert run("list", "--dir", root, "--json").out == "[]\n"
    result = run("list", "--dir", root)
    assert result.code == 0
    assert str(root) in result.out.replace("\n", "")


def test_a_damaged_experiment_stays_in_the_list(run: Run, root: Path, id: str) -> None:
    """One that cannot be read is listed with the reason, and hides no other."""
    (root / "damaged").mkdir()
    (root / "damaged" / "experiment.sqlite").write_bytes(b"no database" * 100)
    listed = {experiment["id"]: experiment for experiment in json.loads(run("list", "--dir", root, "--json").out)}
    assert set(listed) == {id, "damaged"}
    assert listed["damaged"]["state"] == "unreadable"
    assert listed["damaged"]["trials"] is listed["damaged"]["best"] is None
    assert "not a database" in run("list", "--dir", root).out


def test_an_experiment_is_json(run: Run, root: Path, id: str) -> None:
    """The trials come in the order of their ids, with everything a script needs."""
    result = run("show", id, "--dir", root, "--json")
    shown = json.loads(result.out)
    assert result.code == 0
    assert (shown["id"], shown["name"], shown["state"], shown["optimize_mode"]) == (id, "digits", "done", "maximize")
    first, second, third, fourth = shown["trials"]
    assert first["sample"] == {"conv": "1", "width": 16}
    assert first["metrics"] == {"default": 0.75, "loss": 0.5}
    assert (second["id"], second["metric"], second["parent"], second["failure"]) == (2, 0.875, 1, None)
    assert (third["state"], third["duplicate_of"]) == ("duplicate", 2)
    assert fourth["failure"] == {"kind": "raised", "message": "no kernel of 7", "error": "ValueError"}
    assert fourth["metric"] is None


def test_an_experiment_is_a_table(run: Run, root: Path, id: str) -> None:
    """The table has the trials, and below it the failures by kind."""
    out = run("show", id, "--dir", root).out
    assert "best (maximized): 0.875, trial 2" in out
    assert "conv='2' width=32" in out
    assert "duplicate of 2" in out
    assert "ValueError: no kernel of 7" in out


def test_a_long_table_shows_the_latest(run: Run, root: Path, id: str) -> None:
    """The table ends with the latest trial, and says how many it leaves out."""
    out = run("show", id, "--dir", root, "--last", "2").out
    assert "width=64" in out
    assert "width=32" not in out
    assert "2 earlier trials are not shown" in out
    assert "width=16" in run("show", id, "--dir", root, "--last", "0").out


@pytest.mark.parametrize("length", [1, 4, 7])
def test_the_beginning_of_an_id_is_enough(run: Run, root: Path, id: str, length: int) -> None:
    """As long as only one id begins so."""
    assert json.loads(run("show", id[:length], "--dir", root, "--json").out)["id"] == id


def test_an_ambiguous_beginning_is_refused(run: Run, root: Path, id: str) -> None:
    """If several ids begin so, they are named; a whole id means itself even where it begins another."""
    (root / id).rename(root / "ab")
    (root / "abc").mkdir()
    (root / "abc" / "experiment.sqlite").touch()
    result = run("show", "a", "--dir", root)
    assert (result.code, result.out) == (1, "")
    assert "ab, abc" in result.err
    assert run("show", "ab", "--dir", root).code == 0


@pytest.mark.parametrize("command", ["show", "export"])
@pytest.mark.parametrize("wrong", ["absent", "../x", "", "x\x1b[31m\ny"])
def test_an_unknown_id_is_one_line(run: Run, root: Path, id: str, command: str, wrong: str) -> None:
    """The id that is wrong and the ids that there are stand in one line on stderr; the code is 1."""
    result = run(command, wrong, "--dir", root)
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "\x1b" not in result.err
    assert "there is no experiment" in result.err
    assert id in result.err


def test_an_unknown_id_names_no_crowd(run: Run, root: Path, id: str) -> None:
    """Among many experiments, their number stands for their names."""
    for i in range(10):
        (root / f"other{i}").mkdir()
        (root / f"other{i}" / "experiment.sqlite").touch()
    result = run("show", "absent", "--dir", root)
    assert "the 11 that `retix list` prints" in result.err
    assert id not in result.err


def test_an_unknown_command_has_no_meaning(run: Run) -> None:
    """A mistyped command is a usage error: code 2."""
    assert run("lsit").code == 2


def test_names_are_shown_and_not_obeyed(run: Run, root: Path) -> None:
    """Markup stays text, and no control character of a name, a label or a message reaches the terminal."""
    with Store.create(root, name=HOSTILE, optimize_mode="minimize", config={}, versions={}) as store:
        failure = Failure(FailureKind.RAISED, HOSTILE, HOSTILE)
        store.add_trial(Trial(1, Sample({HOSTILE: HOSTILE}), TrialState.FAILED, failure=failure))
    for arguments in (("list",), ("show", store.id)):
        out = run(*arguments, "--dir", root).out
        assert "[red]x[/red] :smile: \\x1b[31m" in out
        assert not set(out) & set("\x1b\r\u202e\x9b")
        strict = run(*arguments, "--dir", root, "--json").out
        assert not set(strict) & set("\x1b\r\u202e\x9b")
    assert json.loads(strict)["trials"][0]["sample"] == {HOSTILE: HOSTILE}


def test_the_failures_are_counted(run: Run, root: Path) -> None:
    """Failures of one kind are one line, with their number and the latest message."""
    with Store.create(root, name="", optimize_mode="minimize", config={}, versions={}) as store:
        trial = Trial(1, Sample(), TrialState.FAILED, failure=Failure(FailureKind.TIMEOUT, "longer than 5 s"))
        store.add_trial(trial)
        store.add_trial(replace(trial, id=2, failure=Failure(FailureKind.TIMEOUT, "longer than 6 s")))
    line = next(line for line in run("show", store.id, "--dir", root).out.splitlines() if "longer than" in line)
    assert line.split() == ["timeout", "2", "0", "trial", "1", "trial", "2", "longer", "than", "6", "s"]
    assert line in run("failures", store.id, "--dir", root).out
    (shown,) = json.loads(run("failures", store.id, "--dir", root, "--json").out)
    assert shown == {"kind": "timeout", "trials": 2, "retried": 0, "first": 1, "last": 2, "message": "longer than 6 s"}


def test_no_failures_are_said(run: Run, root: Path) -> None:
    """Where no trial has failed, there is a line for people, and an empty list for scripts."""
    with Store.create(root, name="", optimize_mode="minimize", config={}, versions={}) as store:
        pass
    assert run("failures", store.id, "--dir", root).out == "No trial has failed.\n"
    assert run("failures", store.id, "--dir", root, "--json").out == "[]\n"


def test_why_a_trial_waits_is_shown(run: Run, root: Path) -> None:
    """The reason stands beside the state, and in the JSON; no character of it is obeyed."""
    with Store.create(root, name="", optimize_mode="minimize", config={}, versions={}) as store:
        store.add_trial(Trial(1, Sample(), waits_for="waits for the weights of trial 3\x1b[31m"))
        assert "waiting: waits for the weights of trial 3\\x1b[31m" in run("show", store.id, "--dir", root).out
        (trial,) = json.loads(run("show", store.id, "--dir", root, "--json").out)["trials"]
        assert trial["waits_for"].startswith("waits for the weights of trial 3")


def test_the_module_is_the_command(root: Path, id: str) -> None:
    """``python -m retix`` lists the experiments, and loads no torch for it."""
    code = (
        "import runpy, sys\n"
        "try: runpy.run_module('retix', run_name='__main__', alter_sys=True)\n"
        "finally: assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", code, "list", "--json", "--dir", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [experiment["id"] for experiment in json.loads(done.stdout)] == [id]


def test_what_early_stopping_did_is_shown(run: Run, root: Path) -> None:
    """How far a pruned trial came, and why a paused one waits."""
    with Store.create(root, name="x", optimize_mode="maximize", config={}, versions={}) as store:
        store.add_trial(Trial(1, Sample({"a": 1}), TrialState.PRUNED, {"default": 0.5}, steps=1))
        store.add_trial(Trial(2, Sample({"a": 2}), TrialState.PRUNED, {"default": 0.25}, steps=3))
        paused = "paused by early stopping after 9 results"
        store.add_trial(Trial(3, Sample({"a": 3}), metrics={"default": 0.75}, steps=9, waits_for=paused))
    out = run("show", store.id, "--dir", root).out
    assert "pruned after 1 result " in out
    assert "pruned after 3 results " in out
    assert f"waiting: {paused}" in out
    assert "best (maximized): -" in out
