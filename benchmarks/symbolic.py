"""What it costs to turn a model into a graph without running it.

Measured: ``convert(model, frontend="fx")`` without example inputs, for ResNet-50 and ViT-B/16 in plain ``torch.nn``.
State: nothing of an earlier conversion is kept. All in CPU time, on one thread.

Beside it, in the same rounds: ``torch.fx.symbolic_trace`` of the same model, which inlines every module that is not one
of torch's layers, keeps layers as they are, and writes the text of one forward. retix finds out besides how each layer
is made, and keeps every module as a graph of its own.

Aim: at most 2 times ``symbolic_trace``.
"""

from __future__ import annotations

import time

import torch

from benchmarks.networks import ResNet50, ViTB16
from benchmarks.report import Comparison, Parts, Report, compare
from benchmarks.stopwatch import watching
from benchmarks.timing import interleave, time_calls
from retix.converter import convert

ROUNDS = 7

AIM = "retix takes at most 2 times torch.fx.symbolic_trace"

_PARTS = {
    "run forward with symbols": ("retix.converter.fx.capture:follow",),
    "find out how layers are made": ("retix.converter.leaf:recover_arguments",),
    "lower": ("retix.converter.fx.capture:lower_scope",),
    "keep and put back the module, check, verify": ("benchmarks.symbolic:convert",),
}


def run() -> Report:
    """Run the benchmark."""
    tables: list[Comparison | Parts] = []
    for model_class in (ResNet50, ViTB16):
        tables += _measure(model_class().eval())
    return Report(AIM, tuple(tables))


def _measure(model: torch.nn.Module) -> tuple[Comparison, Parts]:
    name = type(model).__name__
    times = interleave(
        {
            "convert by fx": time_calls(lambda: convert(model, frontend="fx")),
            "torch.fx.symbolic_trace": time_calls(lambda: torch.fx.symbolic_trace(model)),
        },
        ROUNDS,
    )
    with watching(_PARTS, time.process_time) as stopwatch:
        convert(model, frontend="fx")
    return compare(name, times), Parts(f"{name}, once", stopwatch.seconds())
