"""Import statements of generated modules."""

from __future__ import annotations

import subprocess
import sys

import pytest

from retix.codegen.imports import Imports
from retix.errors import GenerationError
from retix.ir import ClassSource


def test_conventional_aliases_and_order() -> None:
    """Torch is imported as everybody does, the standard library first, each block sorted."""
    imports = Imports({})
    assert imports.name("torch.nn.Linear") == "nn.Linear"
    assert imports.name("torch.nn.functional.relu") == "F.relu"
    assert imports.name("torch.float32") == "torch.float32"
    assert imports.name("users.layers.Block") == "Block"
    assert imports.name("math.sqrt") == "sqrt"
    assert imports.name("builtins.dict") == "dict"
    assert imports.write() == (
        "from math import sqrt\n\n"
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nfrom users.layers import Block"
    )


def test_equal_names_of_two_modules_are_told_apart() -> None:
    """The second thing of one name gets an alias."""
    imports = Imports({})
    assert imports.name("a.Block") == "Block"
    assert imports.name("b.Block") == "b_Block"
    assert "from b import Block as b_Block" in imports.write()


def test_written_out_classes_bring_what_they_need() -> None:
    """A class that is written out comes after those it needs, with its own imports."""
    inner = ClassSource("Inner", "class Inner: ...", ("import math",))
    outer = ClassSource("Outer", "class Outer: ...", (), ("m.Inner",))
    imports = Imports({"m.Outer": outer, "m.Inner": inner})
    assert imports.name("m.Outer") == "Outer"
    assert list(imports.used_sources) == ["m.Inner", "m.Outer"]
    assert imports.write() == "import math"
    assert imports.names == {"Inner", "Outer", "math"}


def test_one_name_for_two_things_is_refused() -> None:
    """Classes that are written out cannot use one alias for two modules."""
    sources = {
        "m.A": ClassSource("A", "class A: ...", ("import numpy as np",)),
        "m.B": ClassSource("B", "class B: ...", ("import nonpy as np",)),
    }
    imports = Imports(sources)
    imports.name("m.A")
    with pytest.raises(GenerationError, match="'np' would stand for both"):
        imports.name("m.B")


def test_users_other_ways_to_import_torch_are_the_same() -> None:
    """A written-out class may import ``nn`` and ``F`` in either of the common ways."""
    statements = ("import torch.nn as nn", "from torch.nn import functional as F")
    imports = Imports({"m.A": ClassSource("A", "class A: ...", statements)})
    imports.name("torch.nn.Linear")
    imports.name("m.A")
    assert imports.write() == "import torch.nn.functional as F\nfrom torch import nn"


def test_imports_are_the_linters() -> None:
    """What comes from one module is one statement, sorted and broken as the linter wants it."""
    imports = Imports({})
    names = ("users.layers.make_block", "users.layers.Block", "users.layers.LIMIT", "users.other.Block", "Users.Thing")
    for name in (*names, "torch.nn.Linear", "users.layers.AVeryLongNameOfAClassThatSomebodyWrote", "math.pi"):
        imports.name(name)
    text = imports.write() + "\n"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "I", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "    LIMIT,\n    AVeryLongNameOfAClassThatSomebodyWrote,\n    Block,\n    make_block,\n" in text


def test_only_what_is_used_is_imported() -> None:
    """A member that is called like a module is no use of the module."""
    imports = Imports({})
    imports.note("x = self.F.math(self.cnn.torch.nn) + math.pi")
    assert imports.write() == "import math"
