"""What all choices have in common: a label, the line they were made at, and that `fixed_arch` can settle them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, TypeVar

from retix.caller import find_caller
from retix.errors import NoContextError, SpaceError
from retix.nn.pytorch.label import IDENTITY, label_of, new_identity
from retix.nn.pytorch.module import Module
from retix.recipe import is_building

FIXED: ContextVar[Mapping[str, Any] | None] = ContextVar("retix_fixed", default=None)
"""The answers under which modules are built inside of `fixed_arch`.

A context variable, because a model's own code makes its choices, without a handle to who builds the model.
"""

SETTLE: ContextVar[Callable[[Any, Mapping[str, Any]], Any] | None] = ContextVar("retix_settle", default=None)
"""What turns a choice that has just been made into what its answer says; set together with `FIXED`."""

_MAKING: ContextVar[bool] = ContextVar("retix_making", default=False)
"""Whether a choice is being made just now: what it is made of is settled together with it."""


class Settling(type):
    """The class of choices: inside of `fixed_arch`, making one gives what its answer says.

    In a `model_wrapper` class, choices are settled together once the model stands, as only then their paths are known.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        answers = FIXED.get()
        if answers is None or is_building() or _MAKING.get():
            return super().__call__(*args, **kwargs)
        token = _MAKING.set(True)
        try:
            made = super().__call__(*args, **kwargs)
        finally:
            _MAKING.reset(token)
        settle = SETTLE.get()
        return made if settle is None else settle(made, answers)

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the class's own ``__init__``; Python would show the one of `__call__`."""
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]  # it is read, not called
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def create_fixed_module(cls, *args: Any, **kwargs: Any) -> Any:
        """NNI's way to make a choice inside of `fixed_arch`: what its answer says.

        Raises:
            NoContextError: It is called elsewhere.
            SpaceError: There is no answer.
        """
        if FIXED.get() is None:
            raise NoContextError(
                f"{cls.__name__}.create_fixed_module is called where nothing is fixed",
                where=find_caller(),
                fix="call it inside of `with retix.fixed_arch({label: answer}):`",
            )
        made = cls(*args, **kwargs)
        if isinstance(made, cls):
            raise SpaceError(
                f"there is no answer for the choice {getattr(made, 'label', None)!r}",
                where=find_caller(),
                fix=f"answers are given for {sorted(FIXED.get() or ())}",
            )
        return made


class Mutable(Module, metaclass=Settling):
    """A module that is a choice, or is made of choices.

    Args:
        label: The user's label, or None.
    """

    __jit_unused_properties__: ClassVar[tuple[str, ...]] = ("label", "identity", "place")

    def __init__(self, label: str | None) -> None:
        super().__init__()
        vars(self)[IDENTITY] = new_identity(label)
        vars(self)["_retix_place"] = find_caller(2)

    @property
    def label(self) -> str | None:
        """The label that the user gave."""
        return label_of(vars(self)[IDENTITY])

    @property
    def identity(self) -> str:
        """The label, or what stands for it until the whole model is there; see `retix.nn.pytorch.LabelBook`."""
        found: str = vars(self)[IDENTITY]
        return found

    @property
    def place(self) -> str | None:
        """``file:line`` where the user made it."""
        found: str | None = vars(self).get("_retix_place")
        return found

    def live_when(self, child: str) -> Any:
        """Under which condition, an expression or a boolean, the child of that name takes part."""
        return True

    def _title(self, kind: str) -> str:
        """What errors call it."""
        return f"the {kind}" if self.label is None else f"the {kind} {self.label!r}"

    def _refuse(self, what: str, *, why: str | None = None, fix: str | None = None) -> SpaceError:
        return SpaceError(what, where=self.place, why=why, fix=fix)


M = TypeVar("M", bound="Mutable")


def name_part(module: M, identity: str) -> M:
    """``module``, a part of a cell, under the label or identity ``identity``."""
    vars(module)[IDENTITY] = identity
    return module


__all__ = ["FIXED", "SETTLE", "Mutable", "Settling", "name_part"]
