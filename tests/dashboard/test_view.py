from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from retix.dashboard.status import Status
from retix.dashboard.view import render_error, render_page
from retix.space import Sample
from retix.store import ExperimentInfo, ExperimentState
from retix.trial import Failure, FailureKind, Trial, TrialState
from tests.dashboard.conftest import HOSTILE


class Tags(HTMLParser):
    """Collects the elements, their attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def status(config: dict[str, Any] | None = None, best: Trial | None = None, name: str = "digits") -> Status:
    """An experiment with three trials that have ended and two that have not."""
    info = ExperimentInfo("abcd2345", name, ExperimentState.RUNNING, 0.0, config=config or {})
    return Status(info, {TrialState.SUCCEEDED: 2, TrialState.FAILED: 1, TrialState.RUNNING: 2}, best)


def test_hostile_text_stays_text() -> None:
    """A name, a label, a choice and a message that hold markup add no element and no attribute."""
    failure = Failure(FailureKind.RAISED, HOSTILE)
    trial = Trial(1, Sample({HOSTILE: HOSTILE}), TrialState.FAILED, {"default": 1.0}, failure=failure)
    plain = Trial(1, Sample({"a": "b"}), TrialState.FAILED, {"default": 1.0}, failure=Failure(FailureKind.RAISED, "c"))
    hostile, harmless = (
        Tags(render_page(status({}, trial, HOSTILE), [trial])),
        Tags(render_page(status({}, plain), [plain])),
    )
    assert hostile.names == harmless.names
    assert hostile.attributes == harmless.attributes
    assert hostile.text.count("<script>alert(1)</script>") == 7
    assert "script" not in Tags(render_error(HOSTILE)).names


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(6, ("3", "6")), (2, ("2", "2")), (None, None), (0, None), ('"><script>', None)],
)
def test_progress_needs_a_limit(limit: Any, expected: tuple[str, str] | None) -> None:
    """The bar is the share of the allowed trials that have ended; without a limit there is none."""
    tags = Tags(render_page(status({"max_trial_number": limit}), []))
    values = dict(tags.attributes)
    assert ("progress" in tags.names) == (expected is not None)
    assert "script" not in tags.names
    if expected:
        assert (values["value"], values["max"]) == expected


def test_the_page_refreshes_itself() -> None:
    """Every two seconds, also while there is an error to show."""
    for page in (render_page(status(), []), render_error("gone")):
        assert ("content", "2") in Tags(page).attributes


def test_a_trial_is_a_row() -> None:
    """A row has the trial's number, state, metric and sample; a duplicate says of which."""
    trial = Trial(7, Sample({"width": 16}), TrialState.DUPLICATE, {"default": 0.123456789}, duplicate_of=3)
    text = Tags(render_page(status(), [trial])).text
    assert "7duplicate of 30.123457width=16" in text
    assert "none yet" in text
    assert "The latest 1 of 5 trials." in text
    pruned = Trial(8, Sample({"width": 16}), TrialState.PRUNED, {"default": 0.5}, steps=3)
    assert "8pruned after 3 results0.5width=16" in Tags(render_page(status(), [pruned])).text
