"""The measures that come with retix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retix.errors import ConfigError
from retix.measures.flops import Flops
from retix.measures.grad_norm import GradNorm
from retix.measures.latency import Latency
from retix.measures.measure import Measure
from retix.measures.memory import Memory
from retix.measures.naswot import NASWOT
from retix.measures.parameters import Parameters
from retix.measures.synflow import SynFlow
from retix.measures.zico import ZiCo

_BUILT_IN = (Parameters, Flops, Memory, Latency, SynFlow, NASWOT, GradNorm, ZiCo)


def list_measures(own: Iterable[Measure] = ()) -> dict[str, Measure]:
    """Every measure by its name.

    Args:
        own: Those of the user; one that is named like a built-in one takes its place.

    Raises:
        ConfigError: One of them is no measure, has no name, or two have the same.
    """
    found: dict[str, Measure] = {measure.name: measure for measure in (make() for make in _BUILT_IN)}
    names: set[str] = set()
    for measure in own:
        name = _name_of(measure)
        if name in names:
            raise ConfigError(f"two measures are called {name!r}", fix="give one of them another name")
        names.add(name)
        found[name] = measure
    return found


def find_measure(measure: str | Measure, known: Mapping[str, Measure] | None = None) -> Measure:
    """A measure by its name; one that is given as such is returned.

    Raises:
        ConfigError: There is none of that name.
    """
    if isinstance(measure, Measure):
        return measure
    measures = list_measures() if known is None else known
    if measure not in measures:
        raise ConfigError(f"there is no measure {measure!r}", fix=f"use one of {', '.join(measures)}")
    return measures[measure]


def _name_of(measure: Any) -> str:
    if not isinstance(measure, Measure):
        raise ConfigError(
            f"{measure!r} is no measure",
            fix="give instances of classes that derive from retix.measures.Measure: measures=[MyMeasure()]",
        )
    name: Any = getattr(measure, "name", None)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{type(measure).__name__} has no name", fix="set the class attribute: name = 'my_measure'")
    return name
