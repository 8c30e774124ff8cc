"""Reporting: who hears what."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from retix.errors import EvaluationError
from retix.evaluator import report_final_result, report_intermediate_result, reporting
from retix.evaluator.report import RememberingReporter
from tests.evaluator.samples import Listener


def report_and_fail() -> None:
    """Reports 1, and fails."""
    report_final_result(1)
    raise ZeroDivisionError


def test_reports_reach_the_listener() -> None:
    """Numbers and dicts arrive as names and numbers, and the answer comes back."""
    listener = Listener(patience=2)
    with reporting(listener):
        assert report_intermediate_result(0.5)
        assert not report_intermediate_result({"default": torch.tensor(0.6), "loss": np.float32(2)})
        report_final_result(1)
    assert listener.intermediates == [{"default": 0.5}, {"default": pytest.approx(0.6), "loss": 2.0}]
    assert listener.finals == [{"default": 1.0}]


def test_outside_reporting_results_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that runs by itself sees one line per result and goes on."""
    assert report_intermediate_result(0.25)
    report_final_result({"default": 0.5, "loss": 2})
    assert capsys.readouterr().out == "intermediate result: default=0.25\nfinal result: default=0.5, loss=2\n"


def test_reporting_nests_and_ends() -> None:
    """The inner listener hears alone; the outer one again afterwards, also after an error."""
    outer, inner = Listener(), Listener()
    with reporting(outer):
        with pytest.raises(ZeroDivisionError), reporting(inner):
            report_and_fail()
        report_final_result(2)
    assert (inner.finals, outer.finals) == ([{"default": 1.0}], [{"default": 2.0}])


def test_listeners_belong_to_their_thread() -> None:
    """Two evaluations in two threads do not hear each other."""
    listeners = [Listener(), Listener()]
    barrier = threading.Barrier(2)

    def evaluate(number: int) -> None:
        with reporting(listeners[number]):
            barrier.wait()
            report_final_result(number)
            barrier.wait()

    threads = [threading.Thread(target=evaluate, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [listener.finals for listener in listeners] == [[{"default": 0.0}], [{"default": 1.0}]]


@pytest.mark.parametrize("metric", [None, "good", {"acc": 1.0}, {"default": "good"}, torch.zeros(2)])
def test_what_is_no_metric_is_refused(metric: object) -> None:
    """A metric without a number to compare by is refused where it is reported."""
    listener = Listener()
    with reporting(listener), pytest.raises(EvaluationError, match="metric"):
        report_intermediate_result(metric)
    assert listener.intermediates == []


def test_remembering_reporter_passes_on() -> None:
    """Remembering takes nothing from the other listener."""
    listener = Listener(patience=1)
    reporter = RememberingReporter(listener)
    with reporting(reporter):
        assert not report_intermediate_result(1)
        report_final_result(2)
    assert (reporter.intermediates, reporter.result) == (1, {"default": 2.0})
    assert (len(listener.intermediates), listener.finals) == (1, [{"default": 2.0}])
