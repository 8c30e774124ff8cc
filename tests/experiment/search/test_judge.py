"""What the rule of early stopping hears."""

from __future__ import annotations

from pathlib import Path

from retix.execution import InlineEngine
from retix.experiment.search.judge import CHECKPOINT_FILE, Judge
from retix.trial import Reported, Verdict
from tests.experiment.searching import Ruled


def report(trial: int, step: int, value: float = 0.0) -> Reported:
    """A report, whose steps count from 0."""
    return Reported(trial, step, {"default": value}, 0.0)


def test_a_rule_hears_again_what_counts(tmp_path: Path) -> None:
    """Of trials that go on, nothing beyond the step that they go on from; promotions come where they were."""
    rule = Ruled({(1, 1): Verdict.PAUSE})
    reports = [report(1, 0), report(2, 0, 0.5), report(1, 1), report(3, 0), report(1, 2), report(3, 1), report(2, 1)]
    with InlineEngine() as engine:
        judge = Judge(rule, engine, tmp_path)
        judge.restore(reports, {1: (1, 2), 3: (1,)}, {1: 2, 3: 1}, {2: {"parameters": 9.0}}, [2])
    assert rule.heard == [
        (1, 1, {"default": 0.0}),
        (2, 1, {"default": 0.5, "parameters": 9.0}),
        ("promoted", 1),
        (1, 2, {"default": 0.0}),
        (3, 1, {"default": 0.0}),
        (2, 2, {"default": 0.0, "parameters": 9.0}),
        ("promoted", 1),
        ("promoted", 3),
        ("ended", 2),
    ]


def test_checkpoints_go_with_their_trials(tmp_path: Path) -> None:
    """Also what a killed worker has left half-written; other files and other trials' stay."""
    names = (CHECKPOINT_FILE, f"{CHECKPOINT_FILE}.part", "model.py")
    for trial in (1, 2):
        (tmp_path / "trials" / str(trial)).mkdir(parents=True)
        for name in names:
            (tmp_path / "trials" / str(trial) / name).touch()
    with InlineEngine() as engine:
        judge = Judge(Ruled({(1, 1): Verdict.PAUSE}), engine, tmp_path)
        assert judge.checkpoint(1) == tmp_path / "trials" / "1" / CHECKPOINT_FILE
        judge.ended(1)
        judge.ended(3)
    assert [path.name for path in (tmp_path / "trials" / "1").iterdir()] == ["model.py"]
    assert sorted(path.name for path in (tmp_path / "trials" / "2").iterdir()) == sorted(names)


def test_nobody_asks_without_a_rule(tmp_path: Path) -> None:
    """And where no trial is ever paused, none keeps checkpoints."""
    with InlineEngine() as engine:
        none = Judge(None, engine, tmp_path)
        assert (none.asks, none.checkpoint(1), none.next_promotion()) == (False, None, None)
        none.ended(1)
        stopping = Judge(Ruled({(1, 1): Verdict.STOP}), engine, tmp_path)
        assert (stopping.asks, stopping.checkpoint(1)) == (True, None)
