from __future__ import annotations

import copy
import inspect
import sys
from pathlib import Path

import pytest
from torch import nn

from retix.errors import ExecutionError
from retix.execution.generated import ModelFactory, find_entry, importing
from tests.execution.jobs import MODEL


def test_importing(tmp_path: Path) -> None:
    """The module is importable by its name inside the block, shows its source, and leaves nothing but its file."""
    path = tmp_path / "new" / "model.py"
    with importing(MODEL, path, "retix_test_module") as module:
        assert sys.modules["retix_test_module"] is module
        assert inspect.getsource(module.Net).startswith("class Net(nn.Module):")
    assert "retix_test_module" not in sys.modules
    assert [file.name for file in path.parent.iterdir()] == ["model.py"]


def test_importing_anew(tmp_path: Path) -> None:
    """A file that was rewritten within the same second, with the same length, is read anew."""
    path = tmp_path / "model.py"
    for digit in "12":
        with importing(f"x = {digit}\n", path, "retix_test_module") as module:
            assert module.x == int(digit)


def test_a_failing_import_is_forgotten(tmp_path: Path) -> None:
    """A module that raises is not left behind, and a module of the same name comes back."""
    before = sys.modules["retix_test_module"] = sys.modules[__name__]
    try:
        with pytest.raises(ZeroDivisionError), importing("1 / 0\n", tmp_path / "model.py", "retix_test_module"):
            pass
        assert sys.modules["retix_test_module"] is before
    finally:
        del sys.modules["retix_test_module"]


def test_find_entry(tmp_path: Path) -> None:
    """The entry must be there and must be something to call."""
    with importing("x = 1\n", tmp_path / "model.py", "retix_test_module") as module:
        for entry in ("Net", "x"):
            with pytest.raises(ExecutionError, match=f"no class '{entry}'"):
                find_entry(module, entry)


class Small(nn.Module):
    """A model.

    Attributes:
        width: Something to read from the class.
    """

    width = 3


def test_factory() -> None:
    """The factory stands for the class and remembers what it built last."""
    factory = ModelFactory(Small)
    assert factory.latest is None
    first, second = factory(), factory()
    assert first is not second
    assert factory.latest is second
    assert (factory.__name__, factory.__doc__, factory.width) == ("Small", Small.__doc__, 3)
    assert copy.copy(factory).model_class is Small
    with pytest.raises(AttributeError):
        factory.height  # noqa: B018  # the access is what is tested


def test_a_factory_that_prepares() -> None:
    """Every model is prepared before anybody sees it; one whose preparation fails was never built."""
    seen: list[nn.Module] = []
    factory = ModelFactory(Small, seen.append)
    assert [factory(), factory()] == seen

    def refuse(model: nn.Module) -> None:
        raise ValueError

    factory = ModelFactory(Small, refuse)
    with pytest.raises(ValueError):  # noqa: PT011  # it is the one that is raised above
        factory()
    assert factory.latest is None
