"""From a module to a graph and to source, as NNI's scripts do it."""

from __future__ import annotations

import pytest
import torch

import retix.nn.pytorch as nn
from retix.codegen import model_to_pytorch_script
from retix.converter import convert_to_graph
from retix.converter.graph_gen import GraphConverterWithShape
from retix.errors import GenerationError
from retix.nn.pytorch.mutator import process_inline_mutation


class Net(nn.Module):
    """Two layers, one of them a choice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerChoice([nn.Linear(2, 2), nn.Tanh()], label="first")
        self.last = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply both."""
        return self.last(self.first(x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_what_nnis_tests_do() -> None:
    """Script, convert, mutate, write, run the text, load the weights."""
    net = Net()
    model = convert_to_graph(torch.jit.script(net), net)
    for mutator in process_inline_mutation(model) or []:
        model = mutator.apply(model, lambda decision: decision.candidates[1])
    text = model_to_pytorch_script(model)
    namespace: dict[str, type[torch.nn.Module]] = {}
    exec(text, namespace)
    made = namespace["_model"]()
    made.load_state_dict({"last.weight": net.last.weight, "last.bias": net.last.bias})
    x = torch.rand(3, 2)
    assert torch.equal(made(x), net.last(torch.tanh(x)))
    assert "retix" not in text


def test_how_it_is_captured() -> None:
    """Without inputs it is scripted, with them traced, and then shapes are known."""
    scripted = convert_to_graph(None, Net())
    traced = convert_to_graph(None, Net(), GraphConverterWithShape(), dummy_input=torch.zeros(1, 2))
    assert scripted.capture is not None
    assert traced.capture is not None
    assert (scripted.capture.frontend, traced.capture.frontend) == ("script", "trace")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        convert_to_graph(None, Net(), colour=1)


def test_what_cannot_be_written() -> None:
    """Open choices, and plans of devices."""
    model = convert_to_graph(None, Net())
    with pytest.raises(GenerationError):
        model_to_pytorch_script(model)
    with pytest.raises(GenerationError, match="a placement was given"):
        model_to_pytorch_script(model, placement={})
