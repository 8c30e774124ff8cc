"""The text of the zoo's generated modules, as linters and readers see it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.zoo.zoo import ZOO, Animal, Captured

Capture = Callable[[Animal], Captured]

WORKING = [animal for animal in ZOO if not animal.broken]


@pytest.fixture(scope="module")
def folder(captured: Capture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All generated modules as files."""
    folder = tmp_path_factory.mktemp("generated")
    for animal in WORKING:
        (folder / f"{animal.name}.py").write_text(captured(animal).source.text)
    return folder


@pytest.mark.parametrize("command", [["check", "--extend-select", "E,F,I"], ["format", "--check", "--diff"]])
def test_ruff_has_nothing_to_say(folder: Path, command: list[str]) -> None:
    """Generated modules are as the linter and the formatter want them by default."""
    isolated = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(folder)]
    done = subprocess.run(isolated, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("animal", WORKING, ids=lambda animal: animal.name)
def test_no_raw_operators(animal: Animal, captured: Capture) -> None:
    """The zoo needs no call of ``torch.ops``."""
    assert "torch.ops" not in captured(animal).source.text


@pytest.mark.parametrize("animal", WORKING, ids=lambda animal: animal.name)
def test_classes_differ(animal: Animal, captured: Capture) -> None:
    """No two classes have the same body: equal graphs share one."""
    tree = ast.parse(captured(animal).source.text)
    bodies = [ast.dump(ast.Module(node.body, [])) for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(set(bodies)) == len(bodies)


@pytest.mark.parametrize("animal", [a for a in WORKING if not a.scripted], ids=lambda animal: animal.name)
def test_lines_lead_to_the_user(animal: Animal, captured: Capture) -> None:
    """Each line that stands for a user's line names the zoo's file, and such lines are inside of a forward."""
    source = captured(animal).source
    lines = source.text.splitlines()
    assert source.lines
    for number, place in source.lines.items():
        file, _, line = place.rpartition(":")
        assert Path(file).parent.name == "zoo"
        assert line.isdigit()
        assert lines[number - 1].startswith(" " * 8)


def test_text_does_not_depend_on_the_hash_seed(captured: Capture, tmp_path: Path) -> None:
    """Another process, with another seed of string hashes, writes the same text."""
    code = (
        "import sys; from tests.zoo.zoo import ZOO, capture\n"
        "animal = next(a for a in ZOO if a.name == 'MobileNet')\n"
        "sys.stdout.write(capture(animal).source.text)"
    )
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    animal = next(animal for animal in ZOO if animal.name == "MobileNet")
    assert done.stdout == captured(animal).source.text
