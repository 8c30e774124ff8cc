"""NNI's stacks of named contexts, and its numbering of labels, without anything that is one per process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from retix.errors import NoContextError
from retix.nn.pytorch import fixed_arch

_FIXED = "fixed"


# What NNI kept in dicts of the process: scripts hand it no object that could hold it. Values are never changed in
# place, so that threads and `contextvars.copy_context` see what was there when they began.
_stacks: ContextVar[Mapping[str, tuple[Any, ...]]] = ContextVar("retix_compat_stacks", default={})  # noqa: B039
_numbers: ContextVar[Mapping[str, int]] = ContextVar("retix_compat_numbers", default={})  # noqa: B039


class ContextStack:
    """Holds ``value`` under ``key`` for the time of a ``with`` block.

    Under the key ``fixed`` the value is an architecture, and the block is one of `retix.fixed_arch`.

    Args:
        key: The name of the stack.
        value: What goes on top of it.
    """

    def __init__(self, key: str, value: Any) -> None:
        self.key = key
        self.value = value

    def __enter__(self) -> ContextStack:
        self.push(self.key, self.value)
        return self

    def __exit__(self, *error: object) -> None:
        self.pop(self.key)

    @classmethod
    def push(cls, key: str, value: Any) -> None:
        """Put ``value`` on top of the stack of that key."""
        effect: AbstractContextManager[Any] | None = None
        if key == _FIXED:
            effect = fixed_arch(value, verbose=False)
            effect.__enter__()
        _set(key, (*_get(key), (value, effect)))

    @classmethod
    def pop(cls, key: str) -> Any:
        """Take the top off the stack of that key, and return it.

        Raises:
            IndexError: The stack is empty.
        """
        *rest, (value, effect) = _get(key) or _fail(key)
        _set(key, tuple(rest))
        if effect is not None:
            effect.__exit__(None, None, None)
        return value

    @classmethod
    def top(cls, key: str) -> Any:
        """The top of the stack of that key.

        Raises:
            NoContextError: The stack is empty.
        """
        stack = _get(key)
        if not stack:
            raise NoContextError(
                f"there is no context {key!r} here", fix=f"enter one: with ContextStack({key!r}, value)"
            )
        return stack[-1][0]


def get_current_context(key: str) -> Any:
    """The top of the stack of that key.

    Raises:
        NoContextError: The stack is empty.
    """
    return ContextStack.top(key)


class ModelNamespace:
    """Numbers labels within a ``with`` block: ``model_1``, ``model_2``, and ``model_1_1`` in a block within.

    retix labels choices by their place in the model; this is for scripts that number labels of their own.

    Args:
        key: What labels begin with; namespaces of different keys know nothing of each other.
    """

    def __init__(self, key: str = "model") -> None:
        self.key = key
        self.name_path: list[int] = []

    def __enter__(self) -> ModelNamespace:
        stack = _get(self.key)
        if stack:
            parent: ModelNamespace = stack[-1][0]
            self.name_path = [*parent.name_path, uid(parent._name)]
        else:
            self.name_path = []
        ContextStack.push(self.key, self)
        reset_uid(self._name)
        return self

    def __exit__(self, *error: object) -> None:
        ContextStack.pop(self.key)

    @property
    def _name(self) -> str:
        return "_".join([self.key, *map(str, self.name_path)])

    def __repr__(self) -> str:
        return f"ModelNamespace(name={self._name})"

    @staticmethod
    def current_context(key: str = "model") -> ModelNamespace:
        """The innermost namespace of that key.

        Raises:
            NoContextError: There is none.
        """
        found: ModelNamespace = ContextStack.top(key)
        return found

    @staticmethod
    def next_label(key: str = "model") -> str:
        """The next label of the innermost namespace of that key; outside of any, of a namespace ``default``."""
        stack = _get(key)
        name = stack[-1][0]._name if stack else "default"
        return f"{name}_{uid(name)}"


def uid(namespace: str = "default") -> int:
    """The next number of a namespace; they begin with 1."""
    number = _numbers.get().get(namespace, 0) + 1
    _numbers.set({**_numbers.get(), namespace: number})
    return number


def reset_uid(namespace: str = "default") -> None:
    """Let the numbers of a namespace begin with 1 again."""
    _numbers.set({**_numbers.get(), namespace: 0})


def _get(key: str) -> tuple[Any, ...]:
    return _stacks.get().get(key, ())


def _set(key: str, stack: tuple[Any, ...]) -> None:
    _stacks.set({**_stacks.get(), key: stack})


def _fail(key: str) -> tuple[Any, ...]:
    raise IndexError(f"the stack {key!r} is empty")
