"""Spaces and samples mean the same in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from retix import ModelSpace
from tests.model_space.nets import Net
from tests.spaces.describe import COUNT, describe_all
from tests.spaces.layers import INPUTS
from tests.spaces.random_nets import make_plans
from tests.spaces.reproduce import write

ROOT = Path(__file__).parents[2]

HASH_SEED = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
"""Another one than this process has."""


@dataclass(frozen=True)
class Exchange:
    """What went from two processes to a third, and came back.

    Attributes:
        folder: The files.
        printed: What the script printed that wrote a space of its own classes.
    """

    folder: Path
    printed: str

    def compare(self, name: str, kind: str = "found") -> int:
        """Compare what the last process made of a space with what was expected; gives the number of samples."""
        expected, found = (torch.load(self.folder / f"{name}.{which}.pt") for which in ("expected", kind))
        for (*mine, result), (*theirs, again) in zip(expected, found, strict=True):
            assert mine == theirs
            assert torch.equal(result, again)
        return len(expected)


def run(module: str, folder: Path) -> subprocess.Popen[str]:
    """Start a module of this folder as a script."""
    with (folder / f"{module}.out").open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", f"tests.spaces.{module}", str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": HASH_SEED},
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """This process and a script write spaces; a third process reads them, knowing only the files."""
    folder = tmp_path_factory.mktemp("exchange")
    with run("main_space", folder) as script:
        write_spaces(folder)
    printed = (folder / "main_space.out").read_text()
    assert script.returncode == 0, printed
    with run("reproduce", folder) as reader:
        pass
    assert reader.returncode == 0, (folder / "reproduce.out").read_text()
    return Exchange(folder, printed)


def write_spaces(folder: Path) -> None:
    """Write spaces of classes that can be imported."""
    for number, plan in enumerate(make_plans(3, least=10)):
        net = plan.make()
        space = ModelSpace(net, example_inputs=INPUTS, engine="graph")
        write(folder, f"random{number}", space, net, [space.random(seed) for seed in range(4)])
    base = Net(4)
    graph, python = (ModelSpace(base, example_inputs=INPUTS, engine=engine) for engine in ("graph", "py"))
    write(folder, "graph", graph, base, list(graph.grid()))
    write(folder, "py", python, base, [sample for sample in python.grid() if sample["layer"] != "linear"])


def test_hash_seeds_do_not_matter(exchange: Exchange) -> None:
    """Labels, sizes, the order of samples, digests and sources are equal under every order of sets."""
    found = json.loads((exchange.folder / "described.json").read_text())
    assert len(found) == COUNT
    for theirs, mine in zip(found, describe_all(), strict=True):
        for key, value in mine.items():
            assert theirs[key] == value, key


def test_samples_come_from_json_alone(exchange: Exchange) -> None:
    """Another process makes the same source and, with a file of weights, the same output of a space and a sample."""
    assert [exchange.compare(f"random{number}") for number in range(3)] == [4, 4, 4]
    assert exchange.compare("graph") == 8
    assert exchange.compare("py") == 6


def test_classes_of_a_script(exchange: Exchange) -> None:
    """The same for classes that live in a script; only the Python engine needs them in a module, and says so."""
    assert exchange.compare("main") == 12
    assert exchange.printed.startswith("12\n")
    assert "move the class to a module of its own" in exchange.printed
    for _, text, *_ in torch.load(exchange.folder / "main.found.pt"):
        assert "retix" not in text
        assert "__main__" not in text


def test_pickled_spaces(exchange: Exchange) -> None:
    """A space that is sent to a worker, with its base model, makes the same there."""
    assert exchange.compare("random0", "sent") == 4
    assert exchange.compare("graph", "sent") == 8
    assert exchange.compare("py", "sent") == 6
    assert exchange.compare("main", "sent") == 12
