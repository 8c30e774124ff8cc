from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from retix.cli.terminal import make_visible, show_metric


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """Whatever the text, the result is one printable line that every encoding of Unicode can write."""
    shown = make_visible(text)
    shown.encode()
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)
    assert len(shown.splitlines()) <= 1


def test_ordinary_text_stays() -> None:
    """Letters of any script, punctuation and brackets are what they were."""
    assert make_visible("größer [bold] 模型 \\n") == "größer [bold] 模型 \\n"


def test_a_metric_is_short() -> None:
    """Six digits are enough for a table."""
    assert [show_metric(m) for m in (None, 0.123456789, 1e-12, float("nan"))] == ["-", "0.123457", "1e-12", "nan"]
