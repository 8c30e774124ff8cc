"""Whole generated modules, compared with files that people have read."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.zoo.zoo import ZOO, capture

GOLDEN = Path(__file__).parent / "golden"
NAMES = (
    "ResNet",
    "GoogLeNet",
    "MobileNet",
    "UNet",
    "VisionTransformer",
    "LanguageModel",
    "RelativeAttention",
    "CrossAttention",
    "Tagger",
    "InPlace",
    "Indexing",
    "Converge",
    "ConvNeXt",
    "StatefulLstm",
)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    """The generated module is the golden file, to the letter."""
    text = capture(next(animal for animal in ZOO if animal.name == name)).source.text
    path = GOLDEN / f"{name}.py"
    if request.config.getoption("golden", default=False):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.py")), ids=lambda path: path.stem)
def test_golden_files_import_torch_alone(path: Path) -> None:
    """Generated code stands by itself: it imports torch and the standard library, never retix."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
    assert modules
    assert {module.split(".")[0] for module in modules} <= {"torch", *sys.stdlib_module_names}


def test_every_golden_file_is_compared() -> None:
    """No golden file is left behind by a model that is gone."""
    assert {path.stem for path in GOLDEN.glob("*.py")} == set(NAMES)
