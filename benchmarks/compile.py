"""What it costs to turn a model into a graph, and the graph into Python again.

Measured: `convert` with example inputs, which traces in eval and in training mode, `generate`, and Python's own
`compile` of the text, for ResNet-50 and ViT-B/16 in plain ``torch.nn`` on two images of 224x224. State: the model has
run before; nothing of an earlier conversion is kept. All in CPU time, on one thread.

Beside it, in the same rounds: ``torch.jit.trace(model, images, check_trace=False)`` alone, in eval mode, of the same
model on the same images; the same without ``check_trace=False``, as users call it; and one run of the model without
gradients, which every trace contains. The default call raises for ViT-B/16: its check runs the model once more
without gradients, where attention takes another path, and finds the graphs different. Its time is that of the attempt.

Aim: at most 1.5 times one plain trace.
"""

from __future__ import annotations

import statistics
import time
import warnings
from contextlib import suppress

import torch
from torch import Tensor, nn

from benchmarks.networks import ResNet50, ViTB16
from benchmarks.report import Comparison, Parts, Report, compare
from benchmarks.stopwatch import watching
from benchmarks.timing import interleave, time_calls
from retix.codegen import generate
from retix.converter import convert

ROUNDS = 5

AIM = "retix takes at most 1.5 times one plain trace, although it traces twice"

_PARTS = {
    "trace, in both modes": ("retix.converter.capture:trace",),
    "make sure that the trace baked in no size": ("retix.converter.convert:TraceBook.capture",),
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
        tables += _measure(model, images)
    return Report(AIM, tuple(tables))


def _measure(model: nn.Module, images: Tensor) -> tuple[Comparison, Parts]:
    runs: list[dict[str, float]] = []

    def turn_around() -> None:
        with watching(_PARTS, time.process_time) as stopwatch:
            _turn_around(model, images)
        runs.append(stopwatch.seconds())

    sides = {
        "retix": time_calls(turn_around),
        "torch.jit.trace": time_calls(lambda: _trace(model, images, check_trace=False)),
        "torch.jit.trace, default call": time_calls(lambda: _trace(model, images, check_trace=True)),
        "one run of the model": time_calls(lambda: _run(model, images)),
    }
    name = type(model).__name__
    times = interleave(sides, ROUNDS)
    parts = {part: statistics.median(run[part] for run in runs[-ROUNDS:]) for part in _PARTS}
    return compare(name, times), Parts(f"{name}, the parts of retix", parts)


def _turn_around(model: nn.Module, images: Tensor) -> None:
    _compile_text(generate(convert(model, images)).text)


def _compile_text(text: str) -> None:
    compile(text, "model.py", "exec")


def _trace(model: nn.Module, images: Tensor, check_trace: bool) -> None:
    differing = torch.jit.TracingCheckError  # type: ignore[attr-defined]  # torch does not list it
    with warnings.catch_warnings(), suppress(differing):
        warnings.simplefilter("ignore")  # torch's own, on TorchScript
        torch.jit.trace(model, images, check_trace=check_trace)  # type: ignore[no-untyped-call]  # torch left it untyped


def _run(model: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        model(images)
