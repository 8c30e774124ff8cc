"""Every error that retix raises on purpose.

::

    RetixError
    ├── SpaceError          a choice or a label contradicts itself or another one
    ├── RecipeError         an object cannot be remembered, rebuilt or sent to a worker
    ├── GraphError          an edit would break the graph, or a graph broke a rule
    ├── ConversionError     a model cannot be captured as a graph
    ├── MutationError       a mutator failed, or a sample does not fit its space
    ├── GenerationError     a graph cannot be written as Python source
    ├── ProfileError        a model cannot be measured without data
    ├── EvaluationError     an evaluator was built or used wrongly
    ├── ConfigError         a setting has no meaning
    ├── StoreError          a directory of experiments cannot be read or written
    └── ExecutionError      an engine or its workers cannot go on

An error is data. Its message is a short essay: what happened, where, why probably, and what to do.
"""

from __future__ import annotations


class RetixError(Exception):
    """The root of the tree.

    Args:
        what: What happened, naming the thing it happened to.
        where: The place in the user's code or data, or what prints as one, such as ``net.py:12``.
        why: The probable reason.
        fix: What the user can do.
    """

    def __init__(self, what: str, *, where: object | None = None, why: str | None = None, fix: str | None = None):
        self.what = what
        self.where = str(where) if where is not None else None
        self.why = why
        self.fix = fix
        lines = [what]
        lines += [f"  where: {self.where}"] if self.where else []
        lines += [f"  why:   {why}"] if why else []
        lines += [f"  fix:   {fix}"] if fix else []
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.why, self.fix)


def _rebuild(cls: type[RetixError], what: str, where: str | None, why: str | None, fix: str | None) -> RetixError:
    """Make an error again in another process; exceptions pickle their positional arguments only."""
    return cls(what, where=where, why=why, fix=fix)


class SpaceError(RetixError):
    """A choice or a label contradicts itself or another one."""


class RecipeError(RetixError):
    """An object cannot be remembered, rebuilt or sent to a worker."""


class GraphError(RetixError):
    """An edit would break the graph, or a graph broke a rule."""


class ConversionError(RetixError):
    """A model cannot be captured as a graph."""


class MutationError(RetixError):
    """A mutator failed, or a sample does not fit its space."""


class GenerationError(RetixError):
    """A graph cannot be written as Python source."""


class ProfileError(RetixError):
    """A model cannot be measured without data."""


class EvaluationError(RetixError):
    """An evaluator was built or used wrongly."""


class ConfigError(RetixError):
    """A setting has no meaning."""


class StoreError(RetixError):
    """A directory of experiments cannot be read or written."""


class ExecutionError(RetixError):
    """An engine or its workers cannot go on."""
