"""Every error that retix raises on purpose.

::

    RetixError
    ├── SpaceError          a choice or a label contradicts itself or another one
    │   ├── NoContextError  something is asked for outside of the context that gives it
    │   ├── AnswerError     an answer is none that its choice takes
    │   ├── LabelConflictError  one label stands for two different choices
    │   ├── OpenValueError  a choice that is still open is used where a plain value is needed
    │   └── ValueTypeError  an expression computes with values of types that do not go together
    ├── RecipeError         an object cannot be remembered, rebuilt or sent to a worker
    ├── GraphError          an edit would break the graph, or a graph broke a rule
    ├── ConversionError     a model cannot be captured as a graph
    ├── MutationError       a mutator failed, or a sample does not fit its space
    │   └── InvalidMutation a mutator says that there is no such model
    ├── GenerationError     a graph cannot be written as Python source
    ├── ProfileError        a model cannot be measured without data
    ├── EvaluationError     an evaluator was built or used wrongly
    ├── ConfigError         a setting has no meaning
    ├── StoreError          a directory of experiments cannot be read or written
    ├── ExecutionError      an engine or its workers cannot go on
    └── UnavailableError    a name of NNI's that retix does not have, or does not have yet

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


class ValueTypeError(SpaceError, TypeError):
    """An expression computes with values of types that do not go together, such as ``'a' + 1``."""


class AnswerError(SpaceError, ValueError):
    """An answer is none that its choice takes."""


class LabelConflictError(SpaceError, AssertionError):
    """One label stands for two different choices; an `AssertionError` too, which is what NNI raised."""


class OpenValueError(SpaceError, RuntimeError):
    """A choice that is still open is used where a plain value is needed."""


class NoContextError(SpaceError):
    """Something is asked for that only a surrounding context gives, and there is none."""


class RecipeError(RetixError):
    """An object cannot be remembered, rebuilt or sent to a worker."""


class GraphError(RetixError):
    """An edit would break the graph, or a graph broke a rule."""


IllegalGraphError = GraphError
"""NNI's name."""


class ConversionError(RetixError):
    """A model cannot be captured as a graph."""


class MutationError(RetixError):
    """A mutator failed, or a sample does not fit its space."""


class InvalidMutation(MutationError):  # noqa: N818  # the name that NNI's mutators raise
    """A mutator says that there is no such model: raised in ``mutate``, where the answers make no network.

    Strategies leave the sample out and go on.
    """

    def __init__(
        self,
        what: str = "the answers make no valid model",
        *,
        where: object | None = None,
        why: str | None = None,
        fix: str | None = None,
    ):
        super().__init__(what, where=where, why=why, fix=fix)


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


class UnavailableError(RetixError, ImportError):
    """A name of NNI's that retix does not have, or does not have yet; raised where it is imported."""
