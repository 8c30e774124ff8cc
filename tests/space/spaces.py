"""Random conditional spaces, and what they hold by brute force."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from retix.space import Condition, Decision, DecisionSpace, Sample

CANDIDATES: list[Any] = [0, 1, 1.0, 0.5, True, False, None, "0", "conv", (1, 2), ()]


@st.composite
def decision_spaces(draw: st.DrawFn, most_decisions: int = 4) -> DecisionSpace:
    """Spaces whose decisions may depend on earlier ones, now and then on an answer that never comes."""
    decisions: list[Decision] = []
    for index in range(draw(st.integers(0, most_decisions))):
        candidates = draw(st.lists(st.sampled_from(CANDIDATES), min_size=1, max_size=3, unique_by=repr))
        n_chosen = draw(st.sampled_from([None, None, -1, 1, len(candidates)]))
        conditions = draw(st.lists(_conditions(decisions), max_size=2)) if decisions else []
        decisions.append(Decision(f"d{index}", tuple(candidates), n_chosen, tuple(conditions)))
    return DecisionSpace(draw(st.permutations(decisions)))


@st.composite
def _conditions(draw: st.DrawFn, decisions: list[Decision]) -> Condition:
    named = draw(st.lists(st.sampled_from(decisions), min_size=1, max_size=2, unique_by=lambda d: d.label))
    return tuple((d.label, draw(st.sampled_from([*d.options(), "never"]))) for d in named)


def list_samples(space: DecisionSpace) -> set[Sample]:
    """Every sample of ``space``: all combinations of all options, of which only what is alive is kept."""
    samples = set()
    for options in itertools.product(*(list(d.options()) for d in space.decisions)):
        answers: dict[str, Any] = {}
        for decision, option in zip(space.decisions, options, strict=True):
            if decision.alive(answers):
                answers[decision.label] = option
        samples.add(Sample(answers))
    return samples
