"""Finding things by name."""

from __future__ import annotations

import sys
from collections import OrderedDict
from types import ModuleType

import pytest

from retix.compat import get_importable_name, get_module_name, import_
from retix.errors import RecipeError


def test_import() -> None:
    """A name is imported; None is nothing, where that is allowed."""
    assert import_("collections.OrderedDict") is OrderedDict
    assert import_(None, allow_none=True) is None
    with pytest.raises(RecipeError, match="None names nothing"):
        import_(None)
    with pytest.raises(RecipeError, match=r"there is no collections\.Nothing"):
        import_("collections.Nothing")


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lives in a script is importable by the name of its file."""
    main = ModuleType("__main__")
    main.__file__ = "/somewhere/search.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    mine = type("Mine", (), {"__module__": "__main__"})
    assert get_importable_name(OrderedDict) == "collections.OrderedDict"
    assert get_module_name(mine) == "search"
    assert get_importable_name(mine) == "__main__.Mine"
    assert get_importable_name(mine, relocate_module=True) == "search.Mine"
