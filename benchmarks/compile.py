"""What it costs to turn a model into a graph, and the graph into Python again.

Measured: `convert` with example inputs, which traces in eval and in training mode, `generate`, and Python's own
`compile` of the text, for ResNet-50 and ViT-B/16 in plain ``torch.nn`` on two images of 224x224. State: the model has
run before; nothing of an earlier conversion is kept.

Beside it, in the same rounds: ``torch.jit.trace(model, images, check_trace=False)`` alone, in eval mode, of the same
model on the same images; and one run of the model without gradients, which every trace contains.

Aim: at most 4 times one plain trace. Two traces are needed, one in each mode, so that 2 is the least there can be.
"""

from __future__ import annotations

import statistics
import time
import warnings

import torch
from torch import Tensor, nn

from benchmarks.networks import ResNet50, ViTB16
from benchmarks.report import Comparison, Parts, Report, compare
from benchmarks.stopwatch import watching
from benchmarks.timing import interleave, time_calls
from retix.codegen import generate
from retix.converter import convert

ROUNDS = 5

AIM = "retix takes at most 4 times one plain trace; it traces twice"

_PARTS = {
    "trace, in both modes": ("retix.converter.capture:trace",),
    "make sure that the trace baked in no size": ("retix.converter.convert:capture_traced",),
    "lower both traces": ("retix.converter.convert:lower_module",),
    "merge the modes": ("retix.converter.convert:merge_modes",),
    "check, remove what is dead, verify": ("benchmarks.compile:convert",),
    "generate": ("benchmarks.compile:generate",),
    "compile the text": ("benchmarks.compile:_compile_text",),
}


def run() -> Report:
    """Run the benchmark."""
    torch.manual_seed(0)
    images = torch.randn(2, 3, 224, 224)
    tables: list[Comparison | Parts] = []
    for model_class in (ResNet50, ViTB16):
        model = model_class().eval()
        tables += [_compare(model, images), _split(model, images)]
    return Report(AIM, tuple(tables))


def _compare(model: nn.Module, images: Tensor) -> Comparison:
    sides = {
        "retix": lambda: _turn_around(model, images),
        "torch.jit.trace": lambda: _trace(model, images),
        "one run of the model": lambda: _run(model, images),
    }
    measures = {name: time_calls(side) for name, side in sides.items()}
    return compare(type(model).__name__, interleave(measures, ROUNDS))


def _split(model: nn.Module, images: Tensor) -> Parts:
    runs = []
    for _ in range(ROUNDS):
        with watching(_PARTS, time.process_time) as stopwatch:
            _turn_around(model, images)
        runs.append(stopwatch.seconds)
    seconds = {part: statistics.median(run[part] for run in runs) for part in _PARTS}
    return Parts(f"{type(model).__name__}, the parts of retix", seconds)


def _turn_around(model: nn.Module, images: Tensor) -> None:
    _compile_text(generate(convert(model, images)).text)


def _compile_text(text: str) -> None:
    compile(text, "model.py", "exec")


def _trace(model: nn.Module, images: Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, on TorchScript
        torch.jit.trace(model, images, check_trace=False)  # type: ignore[no-untyped-call]  # torch left it untyped


def _run(model: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        model(images)
