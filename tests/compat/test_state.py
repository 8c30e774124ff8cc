"""State under the names of the base model."""

from __future__ import annotations

import pytest
import torch

import retix.nn.pytorch as nn
from retix import ModelSpace, model_wrapper
from retix.codegen.pytorch import model_to_pytorch_script
from retix.utils import original_state_dict_hooks


@model_wrapper
class Net(nn.Module):
    """Choices within a choice, repeated blocks, and a batch norm with buffers."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.LayerChoice([nn.Linear(4, 4), nn.Linear(4, 4, bias=False)], label="inner")
        self.layer = nn.LayerChoice({"plain": nn.Linear(4, 4), "deep": nn.Sequential(inner, nn.ReLU())}, label="layer")
        self.body = nn.Repeat(lambda index: nn.Linear(4, 4), (1, 3), label="depth")
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply all three."""
        return self.norm(self.body(self.layer(x)))


SAMPLES = [
    {"layer": "plain", "depth": 1},
    {"layer": "deep", "inner": "1", "depth": 2},
    {"layer": "deep", "inner": "0", "depth": 3},
]


def build(space: ModelSpace, sample: dict[str, object], way: str) -> torch.nn.Module:
    """A model with weights of its own, from its source or by Python."""
    if way == "python":
        with torch.no_grad():
            made = space.python(sample)
            for parameter in made.parameters():
                parameter.zero_()
        return made
    namespace: dict[str, type[torch.nn.Module]] = {}
    exec(model_to_pytorch_script(space.build(sample)), namespace)
    return namespace["_model"]()


@pytest.mark.parametrize("way", ["source", "python"])
@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_the_base_models_state(sample: dict[str, object], way: str) -> None:
    """It is loaded into a model of the space, and read from it again, under the base model's names."""
    base = Net()
    space = ModelSpace(Net(), example_inputs=torch.ones(2, 4))
    model = build(space, sample, way)
    state = base.state_dict()
    with original_state_dict_hooks(model):
        missing, unexpected = model.load_state_dict(state, strict=False)
        read = model.state_dict()
    assert missing == []
    assert set(unexpected) == set(state) - set(read)
    assert all(torch.equal(state[name], tensor) for name, tensor in read.items())
    assert len(read) == len(model.state_dict())
    prefix = "layer.plain." if sample["layer"] == "plain" else f"layer.deep.0.{sample['inner']}."
    assert f"{prefix}weight" in read


def test_the_hooks_go() -> None:
    """After the block the model speaks its own names again, also after an error."""
    model = build(ModelSpace(Net(), example_inputs=torch.ones(2, 4)), SAMPLES[0], "source")
    before = list(model.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"), original_state_dict_hooks(model):
        model.load_state_dict({})
    assert list(model.state_dict()) == before


def test_what_has_no_state() -> None:
    """It is refused."""
    with pytest.raises(TypeError, match=r"takes a torch\.nn\.Module, not int"), original_state_dict_hooks(3):
        pass
