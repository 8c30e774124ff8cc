"""The names of NNI's execution engines, and what they mean here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retix.errors import ConfigError

ENGINES = {"auto": "auto", "graph": "graph", "base": "graph", "py": "py"}
"""What a script may write, and the engine of a `retix.model_space.ModelSpace` that it means."""

_NOT_HERE = {
    "cgo": "models that train together on one device are not built yet: use 'base' with a higher trial_concurrency",
    "oneshot": "one-shot strategies are not built yet: use 'base' and a multi-trial strategy, such as Random",
    "benchmark": "no tables of benchmarks are shipped: train the models with 'base', or look a model's result up in a "
    "FunctionalEvaluator of your own",
}


class ExecutionEngineConfig:
    """How models are built.

    It equals the string that names it, so that ``config.execution_engine == 'base'`` holds.

    Attributes:
        name: ``auto``: from the graph, and by Python where a model has no graph. ``graph``, or NNI's ``base``: from the
            graph, or not at all. ``py``: by building the user's own classes with the choices made.
        dummy_input: The shape of an input that the model is traced with, such as ``[1, 3, 32, 32]``; None to take the
            evaluator's first batch.

    Raises:
        ConfigError: There is no such engine, or not here.
    """

    name = "auto"

    def __init__(self, name: str | None = None, *, dummy_input: Any = None, **values: Any) -> None:
        _refuse_unknown(values)
        self.name = name if name is not None else type(self).name
        self.dummy_input = dummy_input

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "name":
            value = check_engine(value)
        elif name == "dummy_input":
            value = _check_shape(value)
        else:
            _refuse_unknown({name: value})
        super().__setattr__(name, value)

    @property
    def engine(self) -> str:
        """The engine of the model space: ``auto``, ``graph`` or ``py``."""
        return ENGINES[self.name]

    def to_json(self) -> Any:
        """The name, or a dict where there is more to say."""
        return self.name if self.dummy_input is None else {"name": self.name, "dummy_input": list(self.dummy_input)}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.name == other
        if isinstance(other, ExecutionEngineConfig):
            return (self.name, self.dummy_input) == (other.name, other.dummy_input)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"ExecutionEngineConfig({self.name!r}, dummy_input={self.dummy_input!r})"


class PyEngineConfig(ExecutionEngineConfig):
    """NNI's name for ``ExecutionEngineConfig('py')``."""

    name = "py"


class BaseEngineConfig(ExecutionEngineConfig):
    """NNI's name for ``ExecutionEngineConfig('base')``."""

    name = "base"


class CgoEngineConfig(ExecutionEngineConfig):
    """NNI's cross-graph engine; making one says what to use here."""

    name = "cgo"


class OneshotEngineConfig(ExecutionEngineConfig):
    """NNI's one-shot engine; making one says what to use here."""

    name = "oneshot"


class BenchmarkEngineConfig(ExecutionEngineConfig):
    """NNI's engine over tables of results; making one says what to use here."""

    name = "benchmark"


def read_engine(value: Any) -> ExecutionEngineConfig:
    """The engine that a script names: by a string, by one of the classes, or by a dict as NNI's files have it.

    Raises:
        ConfigError: There is no such engine, or not here.
    """
    if isinstance(value, ExecutionEngineConfig):
        return value
    if isinstance(value, Mapping):
        return ExecutionEngineConfig(**value)
    return ExecutionEngineConfig(check_engine(value))


def check_engine(name: Any) -> str:
    """``name``, if it names an engine that is here.

    Raises:
        ConfigError: It does not.
    """
    if isinstance(name, str) and name in ENGINES:
        return name
    raise ConfigError(
        f"execution_engine = {name!r}: there is no such engine" + (" in retix" if name in _NOT_HERE else ""),
        fix=_NOT_HERE.get(name) if isinstance(name, str) and name in _NOT_HERE else "use 'auto', 'base' or 'py'",
    )


def _check_shape(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and value and all(type(size) is int and size > 0 for size in value):
        return tuple(value)
    raise ConfigError(
        f"dummy_input = {value!r} is no shape",
        fix="give the sizes of one tensor: [1, 3, 32, 32]; other inputs go to RetiariiExperiment(example_inputs=...)",
    )


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    for name in values:
        raise ConfigError(
            f"the execution engine has no setting {name!r}", fix="'name' and 'dummy_input' are there to be set"
        )
