"""What a search is after."""

from __future__ import annotations

import json
import math

import pytest

from retix.errors import ConfigError
from retix.objective import Limit, Objective, Objectives


def test_costs_are_lower_for_the_better() -> None:
    """A metric to maximise changes its sign; what is missing or not finite costs infinitely much."""
    objectives = Objectives([Objective(), Objective("parameters", "minimize")])
    assert objectives.costs({"default": 0.9, "parameters": 1e6}) == (-0.9, 1e6)
    assert objectives.costs({"default": math.nan, "parameters": -math.inf}) == (math.inf, math.inf)
    assert objectives.costs({}) == (math.inf, math.inf)
    assert (objectives.primary.name, len(objectives)) == ("default", 2)


def test_violations_are_relative_to_the_bound_and_add_up() -> None:
    """Limits of several units count alike, a missing metric breaks none, and NaN breaks its own wholly."""
    limits = Objectives([Objective(at_least=0.5)], [Limit("flops", at_most=200.0), Limit("gap", -1.0, -2.0)])
    assert limits.violation({"default": 0.4, "flops": 300.0, "gap": -1.5}) == pytest.approx(0.2 + 0.5)
    assert limits.violation({"flops": 200.0}) == 0.0
    assert limits.violation({"gap": -3.0}) == pytest.approx(0.5)
    assert Limit("x", at_most=0.0).violation(2.0) == 2.0
    assert limits.violation({"default": math.nan}) == math.inf


def test_objectives_come_back_from_json() -> None:
    """Bounds of objectives stay theirs, further limits too."""
    made = Objectives([Objective(), Objective("latency", "minimize", at_most=0.1)], [Limit("parameters", 1e6)])
    read = Objectives.from_json(json.loads(json.dumps(made.to_json())))
    assert (read.objectives, read.limits) == (made.objectives, made.limits)
    assert [str(limit) for limit in read.limits] == ["latency <= 0.1", "parameters <= 1e+06"]


def test_nonsense_is_refused() -> None:
    """Bounds that cannot be kept, limits without any, unknown modes, and one metric twice say so."""
    with pytest.raises(ConfigError, match="at least 2 and at most 1"):
        Limit("x", at_most=1, at_least=2)
    with pytest.raises(ConfigError, match="limits nothing"):
        Limit("x")
    with pytest.raises(ConfigError, match="'up'"):
        Objective("x", "up")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ConfigError, match="one objective per metric"):
        Objectives([Objective("x"), Objective("x", "minimize")])
    with pytest.raises(ConfigError, match="are none"):
        Objectives([])
