"""The zoo: every model with inputs for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from retix.codegen import Source, generate
from retix.converter import convert
from retix.ir import Model
from tests.zoo import attention, control, dense, image, modern, sequence, wiring

Inputs = Callable[[int], tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Animal:
    """A model of the zoo.

    Attributes:
        build: Makes it.
        inputs: Makes positional and keyword inputs for a batch of the given size.
        scripted: It is converted without example inputs.
        broken: Why the converter cannot take it yet; empty if it can.
    """

    build: Callable[[], nn.Module]
    inputs: Inputs
    scripted: bool = False
    broken: str = ""

    @property
    def name(self) -> str:
        """The name of its class."""
        return self.build.__name__

    @property
    def frontend(self) -> str:
        """The front end that is chosen for it."""
        return "script" if self.scripted else "trace"


def floats(*shapes: tuple[int, ...]) -> Inputs:
    """Positional inputs of normal numbers; shapes are given without the batch."""
    return lambda batch: (tuple(torch.randn(batch, *shape) for shape in shapes), {})


def tokens(length: int, n_words: int) -> Inputs:
    """A batch of sequences of words."""
    return lambda batch: ((torch.randint(0, n_words, (batch, length)),), {})


def _indexed(batch: int) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    return (torch.randn(batch, 4, 5), torch.randint(0, 4, (batch,))), {}


def _with_state(batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (torch.randn(batch, 5, 4), (torch.randn(1, batch, 6), torch.randn(1, batch, 6))), {}


def _with_keywords(batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (torch.randn(batch, 6), torch.randn(batch, 3)), {"weight": torch.rand(batch)}


def _masked_tokens(batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    mask = torch.ones(batch, 7, dtype=torch.long)
    mask[0, -2:] = 0
    return (torch.randint(0, 20, (batch, 7)), mask), {}


_PICTURE = floats((3, 16, 16))

ZOO = [
    Animal(image.ResNet, _PICTURE),
    Animal(image.BottleneckNet, floats((3, 24, 24))),
    Animal(image.DenseNet, _PICTURE),
    Animal(image.GoogLeNet, _PICTURE),
    Animal(image.MobileNet, _PICTURE),
    Animal(image.ShuffleNet, _PICTURE),
    Animal(image.ConvNeXt, _PICTURE),
    Animal(image.MlpMixer, _PICTURE),
    Animal(image.VideoNet, floats((3, 4, 8, 8))),
    Animal(dense.UNet, floats((1, 18, 14))),
    Animal(dense.Detector, _PICTURE),
    Animal(dense.SuperResolution, floats((1, 8, 8))),
    Animal(attention.VisionTransformer, _PICTURE),
    Animal(attention.LanguageModel, tokens(7, 20)),
    Animal(attention.MaskedAttentionNet, floats((6, 8))),
    Animal(attention.RelativeAttention, floats((9, 8))),
    Animal(attention.WindowTransformer, _PICTURE),
    Animal(attention.CrossAttention, floats((3, 8), (5, 8))),
    Animal(sequence.Tagger, tokens(6, 30)),
    Animal(sequence.Seq2Seq, floats((5, 4), (4, 4))),
    Animal(sequence.StatefulLstm, _with_state),
    Animal(sequence.CellLoop, floats((3, 4))),
    Animal(sequence.WaveNet, floats((4, 12))),
    Animal(wiring.Siamese, floats((6,), (6,))),
    Animal(wiring.TiedAutoencoder, floats((6,))),
    Animal(wiring.TiedHeads, floats((4,))),
    Animal(wiring.NestedContainers, floats((4,))),
    Animal(wiring.InPlace, floats((3, 6, 6))),
    Animal(wiring.Indexing, _indexed),
    Animal(wiring.MadeInForward, floats((4,))),
    Animal(wiring.MultipleInputs, _with_keywords),
    Animal(wiring.NestedOutputs, floats((4,))),
    Animal(wiring.FunctionalNorm, floats((3, 8, 8))),
    Animal(wiring.StochasticDepth, floats((4,))),
    Animal(wiring.Standardizer, floats((3, 6, 6))),
    Animal(modern.RotaryDecoder, _masked_tokens),
    Animal(modern.WindowTable, floats((3, 28, 28))),
    Animal(modern.NormedVocoder, floats((4, 10))),
    Animal(modern.MomentumQueue, floats((6,))),
    Animal(control.Gate, floats((4,)), scripted=True),
    Animal(control.Iterate, floats((4,)), scripted=True),
    Animal(control.Converge, floats((4,)), scripted=True),
    Animal(control.Collect, floats((3, 4)), scripted=True),
]


@dataclass(frozen=True, slots=True)
class Captured:
    """A model of the zoo, and what became of it.

    Attributes:
        module: The user's model.
        model: It as a graph.
        source: The graph as Python.
    """

    module: nn.Module
    model: Model
    source: Source

    def build(self) -> nn.Module:
        """The generated model, with the weights of the user's."""
        namespace: dict[str, Any] = {"__name__": "generated"}
        exec(compile(self.source.text, "generated.py", "exec"), namespace)
        made: nn.Module = namespace[self.source.entry]()
        state = self.module.state_dict()
        made.load_state_dict({name: state[origin] for name, origin in self.source.state_names.items()}, strict=True)
        return made


def capture(animal: Animal, frontend: str | None = None) -> Captured:
    """Build, convert and generate; by the front end that is chosen for it where none is named."""
    torch.manual_seed(0)
    module = animal.build()
    if frontend == "script" or (animal.scripted and frontend != "trace"):
        model = convert(module, frontend=frontend)
    else:
        args, kwargs = animal.inputs(2)
        model = convert(module, args, example_kwargs=kwargs, frontend=frontend)
    return Captured(module, model, generate(model))
