"""Measures by name."""

from __future__ import annotations

from typing import Any

import pytest

from retix.errors import ConfigError
from retix.measures import Latency, Measure, Parameters, Subject, find_measure, list_measures
from retix.recipe import Recipe, dumps, loads, recipe_of


class Depth(Measure):
    """A measure of a user's."""

    name = "depth"
    mode = "minimize"

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def __call__(self, subject: Subject) -> float:
        return self.factor * len(list(subject.build().modules()))


class Nameless(Measure):
    """Forgot its name."""

    def __call__(self, subject: Subject) -> float:
        return 0.0


def test_the_built_in_names() -> None:
    """These names can be objectives; the costs are to be low, the proxies to be high."""
    measures = list_measures()
    costs, proxies = ("parameters", "flops", "memory", "latency"), ("synflow", "naswot", "grad_norm", "zico")
    assert list(measures) == [*costs, *proxies]
    assert [measures[name].mode for name in costs] == ["minimize"] * 4
    assert [measures[name].mode for name in proxies] == ["maximize"] * 4


def test_own_measures_come_beside_and_instead() -> None:
    """A measure of one's own is added by its name, or replaces a built-in one of that name."""
    own = Depth(), Latency("cpu", repeats=3), Latency("cuda", name="gpu_latency")
    measures = list_measures(own)
    assert measures["depth"] is own[0]
    assert measures["latency"] is own[1]
    assert list(measures)[-1] == "gpu_latency"


@pytest.mark.parametrize("own", [[Depth(), Depth()], [Nameless()], ["naswot"], [Depth]], ids=str)
def test_what_is_no_measure_is_refused(own: Any) -> None:
    """Two of one name, none without a name, and no mere names."""
    with pytest.raises(ConfigError):
        list_measures(own)


def test_find() -> None:
    """A name gives the measure, a measure itself; unknown names list those there are."""
    measure = Parameters()
    assert find_measure(measure) is measure
    assert find_measure("parameters").name == "parameters"
    with pytest.raises(ConfigError, match="parameters, flops, memory"):
        find_measure("accuracy")


def test_measures_travel() -> None:
    """A measure is made again from JSON, and by pickle, with its arguments."""
    recipe = recipe_of(Depth(2.5))
    assert recipe is not None
    assert Recipe.from_json(recipe.to_json()).build().factor == 2.5
    assert loads(dumps(Latency("cuda", 8))).batch_size == 8
