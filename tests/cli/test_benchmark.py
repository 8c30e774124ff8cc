"""The command that compares strategies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retix.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """The exit status of ``retix benchmark``, and what it printed."""
    with pytest.raises(SystemExit) as exit_:
        main(["benchmark", "--processes", "1", *arguments])
    return exit_.value.code, capsys.readouterr().out


def test_curves_and_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without more, it prints a row and a curve per strategy; a picture goes into a file."""
    picture = tmp_path / "regret.svg"
    few = ("--strategies", "random, evolution", "--seeds", "3", "--trials", "20")
    status, printed = run(capsys, *few, "--plot", str(picture))
    assert status == 0
    assert "to the top 1 %" in printed
    assert "after whole trainings" in printed
    assert "o random   x evolution" in printed
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, there is an object per strategy with its medians."""
    status, printed = run(capsys, "--strategies", "random,evolution", "--seeds", "4", "--trials", "200", "--json")
    assert status == 0
    found = json.loads(printed)
    assert list(found) == ["random", "evolution"]
    for standing in found.values():
        assert standing["searches"] == 4
        assert standing["median_trials_to_top_1_percent"] * 12 == standing["median_epochs_to_top_1_percent"]


def test_unknown_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that does not exist ends with the names that do."""
    with pytest.raises(SystemExit) as exit_:
        main(["benchmark", "--strategies", "annealing"])
    assert exit_.value.code == 1
    assert "choose among random, grid" in capsys.readouterr().err
