from __future__ import annotations

from typing import Any

import pytest

from retix.errors import ConfigError
from retix.execution.ray.demand import Demand, read_demand


@pytest.mark.parametrize(
    ("settings", "options", "devices"),
    [
        ((None, 0, 1, 2), {"num_cpus": 2.0, "num_gpus": 0.0, "resources": {}}, 0),
        (({"CPU": 0.5}, 1, 4, 1), {"num_cpus": 0.5, "num_gpus": 0.25, "resources": {}}, 1),
        ((None, 0.5, 1, 1), {"num_cpus": 1.0, "num_gpus": 0.5, "resources": {}}, 1),
        ((None, 2, 1, 1), {"num_cpus": 1.0, "num_gpus": 2.0, "resources": {}}, 2),
        (
            ({"memory": 4e9, "lab": 1}, 0, 1, 1),
            {"num_cpus": 1.0, "num_gpus": 0.0, "memory": 4e9, "resources": {"lab": 1}},
            0,
        ),
    ],
)
def test_settings_as_ray_takes_them(settings: Any, options: dict[str, Any], devices: int) -> None:
    """Threads are CPUs unless said otherwise, and trials that share a GPU take a part of it."""
    demand = read_demand(*settings)
    assert demand.to_options() == options
    assert demand.devices == devices


def test_what_is_nothing_is_not_named() -> None:
    """By Ray's names, without what is 0."""
    assert Demand(0.0, 0.5, 10.0, {"lab": 2.0}).to_resources() == {"GPU": 0.5, "memory": 10.0, "lab": 2.0}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (({"CPU": -1}, 0, 1, 1), r"resources\['CPU'\] is -1"),
        (({"lab": "one"}, 0, 1, 1), r"resources\['lab'\] is 'one'"),
        (({"lab": float("nan")}, 0, 1, 1), r"resources\['lab'\] is nan"),
        (({"GPU": 1}, 0, 1, 1), "gpus_per_trial"),
        ((None, -1, 1, 1), "gpus_per_trial is -1"),
        ((None, 1.5, 1, 1), "gpus_per_trial is 1.5"),
        ((None, 1, 0, 1), "trials_per_gpu is 0"),
        ((None, 2, 2, 1), "do not go together"),
    ],
)
def test_settings_without_meaning(settings: Any, words: str) -> None:
    """What Ray could not give is refused by the name that the user knows."""
    with pytest.raises(ConfigError, match=words):
        read_demand(*settings)
