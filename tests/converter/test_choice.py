"""Which front end captures a model, and that the reason is told."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from retix.converter import convert
from retix.converter.choice import choose_frontend
from retix.ir import Capture, Model
from tests.converter.equality import refused


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class Generator(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return sum(self.fc(part) for part in [x, x * 2])


class Neither(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return sum(self.fc(part) for part in [x, x * float(x.sum())])


def test_chosen_by_what_is_given() -> None:
    """Example inputs are traced; without them forward is compiled."""
    assert convert(Plain(), torch.zeros(1, 4)).capture == Capture("trace", "there are example inputs")
    assert convert(Plain()).capture == Capture("script", "there are no example inputs")


def test_what_the_compiler_refuses_is_followed() -> None:
    """Without example inputs torch.fx takes what cannot be compiled, and the reason says so."""
    capture = convert(Generator()).capture
    assert capture is not None
    assert capture.frontend == "fx"
    assert capture.reason.startswith("there are no example inputs, and script refuses the model: Generator cannot be")


def test_both_reasons_are_told() -> None:
    """Where neither takes the model, the error has both accounts, and the line of the first."""
    with refused(
        r"(?s)cannot be scripted.*by fx it cannot be captured either.*a Python float", file=__file__, line="sum("
    ):
        convert(Neither())


@pytest.mark.parametrize("frontend", ["trace", "script", "fx"])
def test_asked_for(frontend: str) -> None:
    """What the user asks for is done; the graphs are the same."""
    model = convert(Plain(), torch.zeros(1, 4), frontend=frontend)
    assert model.capture == Capture(frontend, "it was asked for")
    assert model.digest() == convert(Plain(), torch.zeros(1, 4)).digest()


def test_refusals() -> None:
    """A front end that does not exist, or lacks what it needs, is refused."""
    with refused("there is no front end 'jit'"):
        convert(Plain(), frontend="jit")
    with refused("cannot be traced without example inputs"):
        convert(Plain(), frontend="trace")
    with refused("needs TorchScript"):
        choose_frontend("script", has_inputs=False, has_torchscript=False)


def test_without_torchscript() -> None:
    """The day TorchScript is gone, torch.fx captures, with example inputs and without."""
    code = (
        "import torch; del torch.jit.trace, torch.jit.script\n"
        "from retix.converter import convert\n"
        "from tests.zoo.wiring import Siamese\n"
        "for inputs in (None, (torch.zeros(2, 6), torch.zeros(2, 6))):\n"
        "    print(convert(Siamese(), inputs).capture)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["captured by fx: this Python or this torch has no TorchScript"] * 2


def test_the_reason_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """It stands in the log, in the text and in the JSON of the model, and forks have it; older JSON has none."""
    with caplog.at_level(logging.INFO, "retix"):
        model = convert(Plain(), frontend="fx")
    assert caplog.messages == ["Plain is captured by fx: it was asked for"]
    assert str(model).startswith("# captured by fx: it was asked for\n\ngraph Plain")
    data = model.to_json()
    assert Model.from_json(data).capture == model.fork().capture == model.capture
    del data["capture"]
    assert Model.from_json(data).capture is None
