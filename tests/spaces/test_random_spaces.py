"""Random spaces, nested up to depth 4, are exactly what their parts mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from retix import ModelSpace
from retix.errors import SpaceError
from retix.nn.pytorch import decisions_of
from retix.space import Decision, Sample
from tests.spaces.agreement import assert_builds_agree
from tests.spaces.layers import INPUTS
from tests.spaces.random_nets import Plan, plans
from tests.spaces.symbol import Term

Models = list[tuple[dict[str, Any], Term]]

random_spaces = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
random_builds = settings(random_spaces, max_examples=8)


def assert_empty(space: ModelSpace) -> None:
    """Make sure that a space without models says so, and names its rule, in whatever way it is walked."""
    assert space.size == 0
    for walk in (space.random, lambda: list(space.grid())):
        with pytest.raises(SpaceError, match="meets the constraint"):
            walk()


@random_spaces
@given(plans())
def test_a_space_is_what_it_means(found: tuple[Plan, Models]) -> None:
    """Size, walks and digests are those of every assignment, found without any graph.

    Walks ask exactly the answers that the network needs, and samples that keep the rule come, each once. Two samples
    have equal digests if and only if what they compute is the same. Where nothing keeps the rule, that is said.
    """
    plan, models = found
    space = ModelSpace(plan.make(), example_inputs=INPUTS, engine="graph")
    event(f"about {2 ** len(models).bit_length()} models")
    if not models:
        assert_empty(space)
        return
    samples = list(space.grid())
    assert space.size == len(samples) == len(models)
    assert set(samples) == {Sample(answers) for answers, _ in models}
    terms = {space.digest(Sample(answers)): term for answers, term in models}
    assert len(terms) == len(set(terms.values())) == len({term for _, term in models})
    assert {space.random(seed) for seed in range(5)} <= set(samples)


@random_builds
@given(plans())
def test_json_keeps_everything(found: tuple[Plan, Models]) -> None:
    """A space, its decisions and its samples are the same behind JSON, with all that is printed of them."""
    plan, models = found
    assume(models)
    space = ModelSpace(plan.make(), example_inputs=INPUTS, engine="graph")
    again = ModelSpace.from_json(json.loads(json.dumps(space.to_json())))
    assert str(again) == str(space)
    assert list(again.grid()) == list(space.grid())
    for mine, theirs in zip(space.decisions, again.decisions, strict=True):
        assert mine == theirs
        assert Decision.from_json(json.loads(json.dumps(mine.decision.to_json()))) == mine.decision
    for answers, _ in models[:10]:
        sample = Sample(answers)
        assert Sample(json.loads(json.dumps(sample.to_json()))) == sample
        assert again.build(sample).to_json() == space.build(sample).to_json()
        assert again.source(sample) == space.source(sample)


@random_builds
@given(plans())
def test_graph_and_python_build_the_same(found: tuple[Plan, Models]) -> None:
    """The code of a sample's graph computes what the module computes that Python builds, bit for bit."""
    plan, models = found
    assume(models)
    net = plan.make()
    space = ModelSpace(net, example_inputs=INPUTS, engine="graph")
    known = {decision.label for decision in decisions_of(net)}
    assert {label for answers, _ in models for label in answers} <= known
    for answers, _ in models[:: len(models) // 4 + 1]:
        assert_builds_agree(space, net, Sample(answers), INPUTS)
