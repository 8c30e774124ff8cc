"""What a search is after, as users write it in a config."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from retix.errors import ConfigError
from retix.measures import list_measures
from retix.model_space import ModelSpace
from retix.objective import Limit, Objective, Objectives
from retix.space import LimitedSpace, SearchSpace
from retix.stopping import EarlyStopping
from retix.store import OptimizeMode
from retix.strategy import BaseStrategy

_Record = TypeVar("_Record", Limit, Objective)

_OBJECTIVES = "{'default': 'maximize', 'parameters': 'minimize'}, ['maximize default', 'minimize parameters'], or a "
_OBJECTIVES += "list of Objective(name, mode); 'default' and the names of built-in measures are enough by themselves"
_LIMITS = "['parameters <= 1e6', 'accuracy >= 0.9'], or a list of Limit(name, at_most=..., at_least=...)"


def read_objectives(value: Any, mode: OptimizeMode | None = None) -> tuple[Objective, ...]:
    """Objectives as users write them; ``default``, by which single models are ranked, is put first.

    Args:
        value: Modes by metric; or any number of objectives, texts such as ``minimize parameters``, names alone of
            which the direction is known, or the fields of an objective by name. An empty one says nothing: the search
            is after ``default``.
        mode: The direction of ``default`` where it is named alone; ``maximize`` if None.

    Raises:
        ConfigError: It is none of these, a metric comes twice, or ``default`` is not among them.
    """
    if isinstance(value, Mapping):
        value = [Objective(str(name), mode) for name, mode in value.items()]
    found = [_read_objective(item, mode or "maximize") for item in _list_items("objectives", value, _OBJECTIVES)]
    if not found:
        return ()
    Objectives(found)  # refuses a metric that comes twice
    if all(objective.name != "default" for objective in found):
        raise ConfigError(
            f"the objectives are {', '.join(repr(objective.name) for objective in found)}, and 'default' is none",
            why="single models are ranked by 'default', wherever one number is needed",
            fix="add 'maximize default', or 'minimize default'; what training is not needed for may be a limit",
        )
    return tuple(sorted(found, key=lambda objective: objective.name != "default"))


def read_limits(value: Any) -> tuple[Limit, ...]:
    """Limits as users write them.

    Args:
        value: Any number of limits, texts such as ``parameters <= 1e6``, or the fields of a limit by name.

    Raises:
        ConfigError: It is none of these.
    """
    return tuple(_read_limit(item) for item in _list_items("limits", value, _LIMITS))


def describe_record(record: Limit | Objective) -> dict[str, Any]:
    """An objective or a limit as JSON values, by name; what is not given is left out."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if value is not None}


def choose_objectives(objectives: tuple[Objective, ...], limits: tuple[Limit, ...], mode: OptimizeMode) -> Objectives:
    """What a search is after: what the config says, or ``default`` in the direction that was agreed on."""
    return Objectives(objectives or (Objective(mode=mode),), limits)


def find_measured(space: ModelSpace, objectives: Objectives) -> tuple[str, ...]:
    """The names in objectives and limits that are known of a model without training; evaluators report the others."""
    names = [objective.name for objective in objectives] + [limit.name for limit in objectives.limits]
    return tuple(name for name in dict.fromkeys(names) if name != "default" and space.knows_measure(name))


def limit_space(space: ModelSpace, objectives: Objectives, measured: tuple[str, ...]) -> SearchSpace:
    """The space without the models that break a limit which training is not needed for.

    Raises:
        SpaceError: No model of the space keeps the limits.
        ConfigError: No model of the space can be measured.
    """
    limits = [limit for limit in objectives.limits if limit.name in measured]
    if not limits:
        return space
    limited = LimitedSpace(space, limits)
    limited.check()
    return limited


def check_unlimited(strategy: BaseStrategy, space: ModelSpace, limited: SearchSpace) -> None:
    """Refuse a strategy of NNI's kind in a space of which limits leave a part: it proposes models, not samples.

    Raises:
        ConfigError: The space is limited.
    """
    if isinstance(limited, LimitedSpace):
        limits = " and ".join(map(str, limited.limits))
        raise ConfigError(
            f"{type(strategy).__name__} proposes models, and {limits} is to be kept by each model of {space.name}",
            why="a strategy that was written for NNI looks for its models itself",
            fix="let it leave out the others itself, or use a strategy of retix's",
        )


def aim_rule(rule: EarlyStopping | None, objectives: Objectives) -> EarlyStopping | None:
    """A rule of one search's own, as a config may be used for several; aimed."""
    if rule is None:
        return None
    mine = copy.deepcopy(rule)
    mine.aim(objectives)
    return mine


def _list_items(name: str, value: Any, forms: str) -> list[Any]:
    if isinstance(value, (str, Objective, Limit)):
        return [value]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ConfigError(f"{name} = {value!r}", fix=f"give {forms}")


def _read_objective(item: Any, mode: OptimizeMode) -> Objective:
    if isinstance(item, Objective):
        return item
    if isinstance(item, Mapping):
        return _make(Objective, item, _OBJECTIVES)
    words = item.split() if isinstance(item, str) else []
    if len(words) == 1:
        known = {name: measure.mode for name, measure in list_measures().items()} | {"default": mode}
        words = [known.get(words[0], ""), words[0]]
    if len(words) != 2 or words[0] not in ("maximize", "minimize"):
        raise ConfigError(f"{item!r} is no objective", fix=f"give {_OBJECTIVES}")
    return Objective(words[1], words[0])  # type: ignore[arg-type]  # compared with both modes above


def _read_limit(item: Any) -> Limit:
    if isinstance(item, Limit):
        return item
    if isinstance(item, Mapping):
        return _make(Limit, item, _LIMITS)
    match = re.fullmatch(r"\s*(\S+?)\s*(<=|>=)\s*(\S+)\s*", item) if isinstance(item, str) else None
    try:
        bound = math.nan if match is None else float(match[3].replace("_", ""))
    except ValueError:
        bound = math.nan
    if match is None or math.isnan(bound):
        raise ConfigError(f"{item!r} is no limit", fix=f"give {_LIMITS}")
    return Limit(match[1], at_most=bound) if match[2] == "<=" else Limit(match[1], at_least=bound)


def _make(kind: type[_Record], values: Mapping[Any, Any], forms: str) -> _Record:
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            raise ConfigError(f"{kind.__name__} has no {name!r}", fix=f"it has {', '.join(known)}; or give {forms}")
    return kind(**values)
