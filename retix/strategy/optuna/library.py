"""The door to the modules that need Optuna or torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from retix.errors import ConfigError
from retix.space import SearchSpace

if TYPE_CHECKING:
    from retix.strategy.optuna.study import Notebook


_OLDEST = 5


def require(strategy: str, modules: Sequence[str] = ("optuna",)) -> None:
    """Refuse a strategy whose libraries are not installed, or whose Optuna is too old.

    Raises:
        ConfigError: One is missing, or Optuna is older than 5.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"{strategy} needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed",
            why="it proposes by a sampler of Optuna's, an optional dependency",
            fix="pip install 'retix[optuna]', or use RegularizedEvolution, which needs nothing more",
        )
    if int(version("optuna").partition(".")[0]) < _OLDEST:
        raise ConfigError(
            f"{strategy} needs Optuna {_OLDEST} or later, and {version('optuna')} is installed",
            why="only since then do trials have constraints of their own",
            fix="pip install 'retix[optuna]'",
        )


def open_notebook(space: SearchSpace, objectives: int, notes: dict[str, Any], *, fills: bool) -> Notebook:
    """A `Notebook`, whose module is imported only now, so that strategies can be named without Optuna."""
    notebook: Notebook = import_module("retix.strategy.optuna.study").Notebook(space, objectives, notes, fills=fills)
    return notebook


def one_thread() -> AbstractContextManager[None]:
    """See `retix.strategy.optuna.threads.one_thread`, whose module imports torch."""
    context: AbstractContextManager[None] = import_module("retix.strategy.optuna.threads").one_thread()
    return context
