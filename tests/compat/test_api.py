"""The surface of NNI: each name is here and takes the same arguments, or docs/nni.md says why not."""

from __future__ import annotations

import importlib
import importlib.util
import re

import pytest

from retix.door import UNAVAILABLE
from retix.errors import RetixError, UnavailableError
from tests.compat.surface import UNSTATED, Row, find, find_disagreement, read_differences, read_rows

ROWS = read_rows()
DIFFERENCES = read_differences()


def owner_of(row: Row) -> str:
    """The path of the class that a row belongs to, or of the row itself."""
    return f"{row.module}.{row.name.split('.')[0]}"


def agrees(row: Row) -> str | None:
    """What is different about a row, or None."""
    thing = find(row)
    if row.call is not None:
        return find_disagreement(row, thing)
    return None


def is_field(row: Row) -> bool:
    """Whether the row is a setting."""
    return row.name.startswith("RetiariiExeConfig.")


CALLS = [row for row in ROWS if not is_field(row)]


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.path)
def test_each_name(row: Row) -> None:
    """A script finds the name, with NNI's arguments and defaults, or the document has the reason."""
    difference = DIFFERENCES.get(row.path)
    owners = DIFFERENCES.get(owner_of(row))
    if difference is None and owners is not None and owners.kind != "differs":
        difference = owners
    if difference is None:
        assert agrees(row) is None
    elif difference.kind == "differs":
        assert agrees(row) is not None, "it agrees now: take it out of docs/nni.md"
    elif owner_of(row) in DIFFERENCES:
        check_refusal(row.module, row.name.split(".")[0])
    elif difference.kind == "later":
        with pytest.raises(RetixError):
            find(row)("id")
    else:
        with pytest.raises(AttributeError):
            find(row)


def check_refusal(module: str, name: str) -> None:
    """Importing a name that is not here says why, and what to use."""
    with pytest.raises(UnavailableError) as caught:
        getattr(importlib.import_module(module), name)
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, RetixError)
    assert caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize("row", [row for row in ROWS if is_field(row)], ids=lambda row: row.name)
def test_each_setting(row: Row) -> None:
    """A setting can be read, and assigned what NNI has for a default; any other value works or is refused clearly."""
    config = importlib.import_module(row.module).RetiariiExeConfig("local")
    *path, name = row.name.split(".")[1:]
    owner = getattr(config, path[0]) if path else config
    getattr(owner, name)
    if row.default is not UNSTATED:
        setattr(owner, name, row.default)


def test_the_document_names_real_rows() -> None:
    """No row of the table of differences is about a name that NNI does not have."""
    known = {row.path for row in ROWS} | {owner_of(row) for row in ROWS}
    assert set(DIFFERENCES) <= known


def test_the_document_knows_three_kinds() -> None:
    """Each row says whether a name comes later, never, or differs."""
    assert {difference.kind for difference in DIFFERENCES.values()} <= {"later", "absent", "differs"}


def test_refusals_name_what_there_is() -> None:
    """What a refusal tells the user to use can be imported."""
    for why, fix in UNAVAILABLE.values():
        assert why
        for path in re.findall(r"retix(?:\.\w+)+", fix):
            assert exists(path), path


def exists(path: str) -> bool:
    """Whether a module, or a name in one, can be imported."""
    module, _, name = path.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name) or importlib.util.find_spec(path) is not None
    except ModuleNotFoundError:
        return False
