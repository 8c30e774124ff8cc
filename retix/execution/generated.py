"""The generated module of a trial: written, imported under a name of its own, and forgotten again."""

from __future__ import annotations

import importlib.util
import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from retix.errors import ExecutionError

if TYPE_CHECKING:
    # For annotations alone.
    from torch import nn


class ModelFactory:
    """Builds the model of a trial, and remembers the model that was built last.

    It stands where a model's class is expected: it is called without arguments, carries the class's name, and gives the
    class's attributes.

    Args:
        model_class: The class that is built.
        prepare: Is given every model that is built, before anybody else is.

    Attributes:
        model_class: The class that is built.
        latest: The model that was built last, or None.
    """

    def __init__(self, model_class: Callable[..., nn.Module], prepare: Callable[[nn.Module], None] | None = None):
        self.model_class = model_class
        self.latest: nn.Module | None = None
        self._prepare = prepare
        self.__name__ = model_class.__name__
        self.__qualname__ = model_class.__qualname__
        self.__doc__ = model_class.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> nn.Module:
        model = self.model_class(*args, **kwargs)
        if self._prepare is not None:
            self._prepare(model)
        self.latest = model
        return model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "model_class" not in self.__dict__:  # copying asks before anything is set
            raise AttributeError(name)
        return getattr(self.model_class, name)

    def __repr__(self) -> str:
        return f"<factory of {self.model_class!r}>"


@contextmanager
def importing(source: str, path: Path, name: str) -> Iterator[ModuleType]:
    """Write a module to a file, import it from there, and forget it at the end of the ``with`` block.

    Tracebacks and ``inspect.getsource`` show the lines of the file.

    Args:
        source: The module's text.
        path: The file; its folder is made if it is missing.
        name: What the module is called in ``sys.modules``; a module of that name comes back afterwards.

    Raises:
        Exception: Whatever the module raises while it is imported.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, f"{path} is no Python file"
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        # Compiled here and not by the loader, which would leave a .pyc, and trust an old one of the same second.
        exec(compile(source, str(path), "exec"), module.__dict__)
        yield module
    finally:
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before


def find_entry(module: ModuleType, entry: str) -> Callable[..., nn.Module]:
    """The model's class in its module.

    Raises:
        ExecutionError: The module has no such name.
    """
    found = getattr(module, entry, None)
    if not callable(found):
        raise ExecutionError(f"the generated module defines no class {entry!r}", where=module.__file__)
    return found  # type: ignore[no-any-return]  # whatever can be called is taken for the model's class


@contextmanager
def building(
    source: str, entry: str, path: Path, name: str, prepare: Callable[[nn.Module], None] | None = None
) -> Iterator[ModelFactory]:
    """The model of a generated module, ready to be built in the ``with`` block.

    For the arguments see `importing`, `find_entry` and `ModelFactory`.
    """
    with importing(source, path, name) as module:
        yield ModelFactory(find_entry(module, entry), prepare)
