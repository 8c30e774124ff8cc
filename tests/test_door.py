"""Doors lead to names elsewhere, or say why there are none."""

from __future__ import annotations

import importlib
import pickle

import pytest

from retix.door import UNAVAILABLE, open_door, refusal
from retix.errors import RetixError, UnavailableError


def test_a_door_leads_somewhere() -> None:
    """The name is what its home has."""
    assert open_door("here", join="os.path")("join") is importlib.import_module("os.path").join


def test_an_unknown_name() -> None:
    """It is missing like any attribute."""
    with pytest.raises(AttributeError, match="module 'here' has no attribute 'nothing'"):
        open_door("here")("nothing")


def test_a_name_that_is_not_here() -> None:
    """Importing it says why, and what to use; scripts that catch ImportError go on."""
    with pytest.raises(ImportError, match="not built yet") as caught:
        from retix.strategy import DARTS  # noqa: F401
    assert isinstance(caught.value, RetixError)
    assert "RegularizedEvolution" in str(caught.value)


def test_the_refusal_crosses_processes() -> None:
    """Like every error of retix."""
    error = pickle.loads(pickle.dumps(refusal("retix.strategy.DARTS")))
    assert isinstance(error, UnavailableError)
    assert error.fix == UNAVAILABLE["retix.strategy.DARTS"][1]


@pytest.mark.parametrize("path", UNAVAILABLE)
def test_each_refusal_is_met(path: str) -> None:
    """The module exists, and refuses the name."""
    module, _, name = path.rpartition(".")
    with pytest.raises(UnavailableError):
        getattr(importlib.import_module(module), name)
