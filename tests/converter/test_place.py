"""Places in the user's code."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from retix.converter.place import NameBook, find_definition, find_user_frame, read_user_frame
from retix.ir import Location


def test_frame_of_the_user() -> None:
    """Frames of torch and of retix are passed over, on a stack and in a traceback."""
    assert find_user_frame(sys._getframe()).file == __file__  # type: ignore[union-attr]  # there is a frame
    try:
        torch.zeros(2).view(3)
    except RuntimeError as error:
        location = find_user_frame(error.__traceback__)
    assert location is not None
    assert location.file == __file__


def test_frame_in_a_text() -> None:
    """TorchScript writes stacks in two ways."""
    torch_file = f"{Path(torch.__file__).parent}/nn/functional.py"
    stack = f"{torch_file}(12): relu\n/home/me/net.py(7): forward\n/home/me/run.py(3): main\n"
    assert read_user_frame(stack) == Location("/home/me/net.py", 7)
    assert read_user_frame('  File "/home/me/net.py", line 9\n    x = y\n') == Location("/home/me/net.py", 9)
    assert read_user_frame("nothing") is None


def test_definition() -> None:
    """Functions and classes begin somewhere; what is not written in Python does not."""
    assert (find_definition(test_definition) or "").startswith(f"{__file__}:")
    assert find_definition(len) is None


def test_assigned_names(tmp_path: Path) -> None:
    """A statement's variables are found by its lines; anything but plain names is none."""
    file = tmp_path / "net.py"
    file.write_text("x = (\n    1\n)\na, b = x, x\nself.y = x\nx += 1\nfor i in x:\n    z: int = i\n")
    book = NameBook()
    found = [book.targets(Location(str(file), line)) for line in range(1, 9)]
    assert found == [("x",), ("x",), ("x",), ("a", "b"), (), ("x",), (), ("z",)]
    assert book.targets(None) == ()


def test_names_of_parts_and_of_collections(tmp_path: Path) -> None:
    """Nested targets count one by one; a name for a collection is no name for what stands in it."""
    file = tmp_path / "net.py"
    file.write_text("out, (h, c) = x\nparts = [x, x]\na, b = [x, x]\n")
    book = NameBook()
    found = [book.targets(Location(str(file), line)) for line in range(1, 4)]
    assert found == [("out", "h", "c"), (), ("a", "b")]
