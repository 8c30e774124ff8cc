"""Finding things by name, as NNI's scripts do it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from retix.errors import RecipeError
from retix.recipe import import_name


def import_(target: str | None, allow_none: bool = False) -> Any:
    """Import ``package.module.Class``; None for None.

    Raises:
        RecipeError: There is no such thing, or None was given where it is not allowed.
    """
    if target is None:
        if allow_none:
            return None
        raise RecipeError("None names nothing that could be imported", fix="pass a name, or allow_none=True")
    return import_name(target)


def get_module_name(cls_or_func: Any) -> str:
    """The module of a class or function; for ``__main__``, the name under which its file can be imported."""
    name: str = cls_or_func.__module__
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).stem if name == "__main__" and file else name


def get_importable_name(cls: Any, relocate_module: bool = False) -> str:
    """``module.Class``; with ``relocate_module``, the module as `get_module_name` names it."""
    module = get_module_name(cls) if relocate_module else cls.__module__
    return f"{module}.{cls.__name__}"
