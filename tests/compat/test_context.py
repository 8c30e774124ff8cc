"""Named contexts and numbered labels."""

from __future__ import annotations

import contextvars
import threading

import pytest

import retix.nn.pytorch as nn
from retix import model_wrapper
from retix.compat import ContextStack, ModelNamespace, get_current_context, reset_uid, uid
from retix.utils import NoContextError


@model_wrapper
class Net(nn.Module):
    """One choice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LayerChoice([nn.Linear(2, 2), nn.Identity()], label="layer")


class TestContextStack:
    def test_the_innermost_counts(self) -> None:
        """And afterwards the one around it."""
        with ContextStack("key", 1):
            with ContextStack("key", 2):
                assert get_current_context("key") == 2
            assert get_current_context("key") == 1
            with pytest.raises(NoContextError, match="there is no context 'other' here"):
                get_current_context("other")

    def test_without_a_block(self) -> None:
        """Pushing and popping by hand."""
        ContextStack.push("key", 1)
        assert ContextStack.top("key") == 1
        assert ContextStack.pop("key") == 1
        with pytest.raises(IndexError, match="the stack 'key' is empty"):
            ContextStack.pop("key")

    def test_threads_have_their_own(self) -> None:
        """What one thread enters, another one does not see."""
        seen: list[bool] = []

        def look() -> None:
            try:
                get_current_context("key")
            except NoContextError:
                seen.append(True)

        with ContextStack("key", 1):
            thread = threading.Thread(target=contextvars.Context().run, args=(look,))
            thread.start()
            thread.join()
        assert seen == [True]

    def test_fixed_is_a_fixed_architecture(self) -> None:
        """As NNI's trial code enters it."""
        with ContextStack("fixed", {"layer": "1"}):
            assert get_current_context("fixed") == {"layer": "1"}
            assert isinstance(Net().layer, nn.Identity)
        assert isinstance(Net().layer, nn.LayerChoice)


class TestNumbers:
    def test_they_begin_with_1(self) -> None:
        """In each namespace."""
        reset_uid("a")
        reset_uid("b")
        assert [uid("a"), uid("a"), uid("b")] == [1, 2, 1]
        reset_uid("a")
        assert uid("a") == 1

    def test_labels(self) -> None:
        """They are chained in namespaces within namespaces, and begin again in a new one."""
        for _ in range(2):
            with ModelNamespace():
                assert ModelNamespace.next_label() == "model_1"
                with ModelNamespace() as inner:
                    assert ModelNamespace.current_context() is inner
                    assert [ModelNamespace.next_label(), ModelNamespace.next_label()] == ["model_2_1", "model_2_2"]
                assert ModelNamespace.next_label() == "model_3"

    def test_keys_are_apart(self) -> None:
        """A namespace of another key is none."""
        with ModelNamespace("mine") as mine:
            assert ModelNamespace.next_label("mine") == "mine_1"
            assert repr(mine) == "ModelNamespace(name=mine)"
            with pytest.raises(NoContextError):
                ModelNamespace.current_context("other")

    def test_outside(self) -> None:
        """There is a namespace for that."""
        reset_uid("default")
        assert ModelNamespace.next_label() == "default_1"
