"""Sources of models that Python builds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from retix.model_space import ModelSpace
from retix.model_space.loading import build_from_source
from tests.model_space.nets import INPUTS, Built, DataDependent, Unwrapped, make_built

EXPECTED = '''\
"""DataDependent, its choices made."""

from retix.nn.pytorch import fixed_arch
from tests.model_space.nets import DataDependent

CHOICES = {
    "act": "tanh",
}


def build_model():
    with fixed_arch(CHOICES):
        return DataDependent(names=("tanh", "relu"))
'''


def make_space(base: Any) -> ModelSpace:
    """A space whose models Python builds."""
    return ModelSpace(base, example_inputs=INPUTS, engine="py")


def test_a_class_that_can_be_imported() -> None:
    """The script calls it as the user did, and needs nothing beside it."""
    space = make_space(DataDependent(names=("tanh", "relu")))
    assert space.source({"act": "tanh"}).text == EXPECTED
    assert space.files == {}


@pytest.mark.parametrize(
    "base",
    [DataDependent(), Unwrapped(), Built(), make_built, lambda: DataDependent(("relu", "tanh"))],
    ids=["wrapped", "instance", "constructor", "factory", "lambda"],
)
def test_scripts_are_clean_and_run(base: Any, tmp_path: Path) -> None:
    """Each is formatted as the field formats, gives the model of its sample, and survives another process."""
    space = make_space(base)
    sample = space.random(seed=2)
    source = space.source(sample)
    path = tmp_path / "model.py"
    path.write_text(source.text)
    for name, data in space.files.items():
        (tmp_path / name).write_bytes(data)
    for command in (["check", "--select", "E,F,W,I", "--isolated"], ["format", "--check", "--isolated"]):
        run = subprocess.run([sys.executable, "-m", "ruff", *command, str(path)], capture_output=True, check=False)
        assert run.returncode == 0, run.stdout.decode()
    model = build_from_source(source, files=space.files)
    assert [type(part) for part in model.modules()][1:] == [type(part) for part in space.python(sample).modules()][1:]
    assert model(INPUTS).shape[0] == 2


def test_an_instance_keeps_its_weights() -> None:
    """An instance that does not remember how it was made is sent as it is; a class that does begins afresh."""
    instance = Unwrapped()
    space = make_space(instance)
    built = space.instantiate({"act": "relu"})
    assert torch.equal(built.first.weight, instance.first.weight)
    assert built.first.weight is not instance.first.weight
    remembered = DataDependent()
    fresh = make_space(remembered).instantiate({"act": "relu"})
    assert not torch.equal(fresh.first.weight, remembered.first.weight)


FILLED = """
import torch
import retix.nn.pytorch as nn
from retix import ModelSpace, Mutator, basic_unit

def double(x):
    return 2 * x

@basic_unit
class Twice(nn.Module):
    def forward(self, x):
        return double(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.spot = nn.Placeholder("spot")

    def forward(self, x):
        return self.spot(self.fc(x))

class Fill(Mutator):
    def mutate(self, model):
        (node,) = model.get_nodes_by_label("spot")
        node.update_operation(f"{__name__}.Twice")

space = ModelSpace(Net(), [Fill()], example_inputs=torch.zeros(1, 2))
print(space.source({}).text)
"""


def test_class_of_main_that_a_mutator_puts_in(tmp_path: Path) -> None:
    """It is written out with what it needs, like one that the base model has."""
    script = tmp_path / "script.py"
    script.write_text(FILLED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "__main__" not in done.stdout
    assert "class Twice(nn.Module):" in done.stdout
    assert "def double(x):" in done.stdout
