"""Functions that train go on from where they were paused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn

from retix.errors import EvaluationError
from retix.evaluator import TrialEnded, continue_from_checkpoint, report_final_result, report_intermediate_result
from retix.trial import Verdict
from tests.evaluator.pausing import run, run_in_parts


class Counter:
    """Something of the user's with a state of its own kind."""

    def __init__(self, value: Any = 0):
        self.value = value

    def state_dict(self) -> dict[str, Any]:
        return {"counter": Counter(self.value)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value = state["counter"].value


class Unwritable(Counter):
    """Something whose state cannot be written."""

    def state_dict(self) -> dict[str, Any]:
        return {"counter": lambda: None}


def count(counter: Counter) -> None:
    """Counts from where it was to 4."""
    for _ in range(continue_from_checkpoint(counter=counter), 4):
        counter.value += 1
        report_intermediate_result(counter.value)
    report_final_result(counter.value)


def draw() -> None:
    """Reports numbers of each generator that training draws from, and of one of its own."""
    random.seed(1)
    numpy.random.seed(1)
    torch.manual_seed(1)
    own = torch.Generator().manual_seed(1)
    for _ in range(continue_from_checkpoint(own=own), 4):
        report_intermediate_result(
            {
                "default": random.gauss(),
                "numpy": numpy.random.standard_normal(),
                "torch": torch.randn(()),
                "own": torch.rand((), generator=own),
            }
        )
    report_final_result(random.random())


def test_random_numbers_go_on(tmp_path: Path) -> None:
    """Each generator goes on where it was, also one of which half a pair of normal numbers was taken."""
    whole, _ = run(draw, tmp_path / "whole.pt")
    parts = run_in_parts(draw, tmp_path / "parts.pt", 1, 2)
    assert (parts.intermediates, parts.finals) == (whole.intermediates, whole.finals)


def test_objects_of_the_users(tmp_path: Path) -> None:
    """A state that is no plain value comes back too."""
    judge = run_in_parts(lambda: count(Counter()), tmp_path / "c.pt", 2, 3)
    assert [metrics["default"] for metrics in judge.intermediates] == [1, 2, 3, 4]


def test_nothing_outside_a_trial() -> None:
    """Outside a search it returns 0 and keeps nothing, however often it is called."""
    assert [continue_from_checkpoint(model=nn.Linear(2, 2)) for _ in range(2)] == [0, 0]


def test_what_has_no_state() -> None:
    """What cannot be kept is refused by its name, also outside a trial."""
    with pytest.raises(EvaluationError, match="epochs is a int, whose state cannot be kept"):
        continue_from_checkpoint(epochs=3)


def test_calling_twice(tmp_path: Path) -> None:
    """A second training of the same trial has no checkpoint of its own, and is told so."""

    def twice() -> None:
        count(Counter())
        count(Counter())

    with pytest.raises(EvaluationError, match="call it once"):
        run(twice, tmp_path / "c.pt")


def test_a_state_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The trial is paused all the same, nothing half is left, and the log says that it will begin anew."""
    assert run(lambda: count(Unwritable()), tmp_path / "c.pt", at_1=Verdict.PAUSE)[1] is Verdict.PAUSE
    assert list(tmp_path.iterdir()) == []
    assert "will not go on from here" in capsys.readouterr().out
    assert len(run(lambda: count(Unwritable()), tmp_path / "c.pt", first_step=1)[0].intermediates) == 3


def test_a_checkpoint_that_is_behind(tmp_path: Path) -> None:
    """The last checkpoint that could be written is gone on from, without reporting again what came after it."""
    run(lambda: count(Counter()), tmp_path / "c.pt", at_1=Verdict.PAUSE)
    judge, _ = run(lambda: count(Counter()), tmp_path / "c.pt", first_step=3)
    assert [metrics["default"] for metrics in judge.intermediates] == [4]


def test_the_end_is_no_exception() -> None:
    """What ends a trial passes the clauses by which users catch errors."""
    assert not issubclass(TrialEnded, Exception)
    assert TrialEnded(Verdict.STOP).verdict is Verdict.STOP
