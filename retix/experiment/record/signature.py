"""What must be the same when a search is gone on with: its space and its strategy, in words that can be compared."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from typing import Any

from retix.model_space import ModelSpace
from retix.strategy import BaseStrategy, Strategy

_PLAIN = (bool, int, float, str, type(None))


def sign_space(space: ModelSpace) -> dict[str, Any]:
    """A space as JSON values, which are equal for spaces of the same models and decisions."""
    return {
        "model": space.name,
        "engine": space.engine,
        "decisions": {
            item.label: {"candidates": [repr(c) for c in item.candidates], "n_chosen": item.n_chosen}
            for item in space.decisions
        },
        "mutators": [mutator.label for mutator in space.mutators],
        "network": space.base_model.digest() if space.engine == "graph" else None,
    }


def sign_strategy(strategy: Strategy | BaseStrategy) -> dict[str, Any]:
    """A strategy as JSON values: its class, and those of its settings that are plain values.

    Of a strategy of the user's own, only what it shows counts: what it hides may be drawn by chance. The seed is no
    setting either: where the user gave none, it was drawn, and is read back with the strategy's state.
    """
    is_ours = type(strategy).__module__.split(".")[0] == "retix"
    settings = {
        name.lstrip("_"): value
        for name, value in vars(strategy).items()
        if (is_ours or not name.startswith("_")) and name != "seed" and isinstance(value, _PLAIN)
    }
    return {"class": type(strategy).__qualname__, "settings": json.loads(json.dumps(settings))}


def find_difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first thing in which two signatures differ, in words; None if they are equal."""
    for name in then:
        old, new = then[name], now[name]
        if old == new:
            continue
        if name == "decisions":
            return _compare_decisions(old, new)
        if name == "settings":
            changed = next(key for key in {**old, **new} if old.get(key) != new.get(key))
            return f"{changed} was {old.get(changed)!r} and is {new.get(changed)!r}"
        if name == "network":
            return "the base model computes something else than it did"
        return f"the {name} was {old!r} and is {new!r}"
    return None


def _compare_decisions(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    gone, come = [label for label in old if label not in new], [label for label in new if label not in old]
    if gone:
        return f"the choice {gone[0]!r} is not there any more"
    if come:
        return f"the choice {come[0]!r} was not there"
    changed = next((label for label in old if old[label] != new[label]), None)
    if changed is None:
        return "the choices come in another order"
    was, now = (reprlib.repr(side[changed]["candidates"]) for side in (old, new))
    return f"the choice {changed!r} had the candidates {was} and has {now}"
