"""Statistics of many searches."""

from __future__ import annotations

import json
import math

import pytest

from retix.benchmark import Standing, chart_regrets, draw_regrets, interval, median


def test_medians() -> None:
    """The middle, also of infinite values."""
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == 2.5
    assert median([1, math.inf, math.inf]) == math.inf


def test_intervals_are_ordered_values() -> None:
    """Of 50 values the 18th and the 33rd bound the median with at least 95 % confidence; of few, the extremes do."""
    assert interval([float(value) for value in range(1, 51)]) == (18, 33)
    assert interval([1, 2, 3]) == (1, 3)
    assert interval([5]) == (5, 5)


def test_intervals_hold_what_they_promise() -> None:
    """The chance that the median of a distribution lies outside is at most 5 %, and would be more one rank closer."""
    for n in (10, 25, 50):
        rank = int(interval([float(value) for value in range(1, n + 1)])[0])
        outside = [2 * sum(math.comb(n, k) for k in range(edge)) / 2**n for edge in (rank, rank + 1)]
        assert outside[0] <= 0.05 < outside[1]


@pytest.fixture
def standing() -> Standing:
    """Three searches, one of which never got there."""
    regrets = ((math.nan, 0.2, 0.1), (0.4, 0.3, 0.0), (math.nan, 0.1, 0.05))
    return Standing("some", (5, 9, math.inf), (60, 108, math.inf), regrets, 0.1)


def test_standings_as_json(standing: Standing) -> None:
    """Medians by name; what was never reached is null."""
    found = json.loads(json.dumps(standing.to_json(), allow_nan=False))
    assert found["median_trials_to_top_1_percent"] == 9
    assert found["median_epochs_to_top_1_percent"] == 108
    assert found["trials_to_top_1_percent_interval"] == [5, None]
    assert found["reached"] == 2
    assert found["median_regret"] == {"2": 0.2, "5": 0.05}


def test_pictures_show_every_strategy(standing: Standing) -> None:
    """Both pictures hold the names, and as many points as the curve has."""
    svg = draw_regrets([standing, standing])
    assert svg.startswith("<svg")
    assert svg.count(">some</text>") == 2
    assert svg.count("<circle") == 2 * len(standing.curve)
    chart = chart_regrets([standing])
    assert "o some" in chart
    assert chart.split("+---")[0].count("o") == len(standing.curve)
