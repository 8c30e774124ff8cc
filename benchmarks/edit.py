"""What it costs to change a model: the inner loop of every search.

Measured: `fork` of a captured ResNet-50, three convolutions in three of its blocks given another argument, and `digest`
of the result. State: the model was digested once before, as a search's base model is, so that the graphs which the
fork leaves alone know their canonical form; each time it is forked afresh. All in CPU time, on one thread.

Beside it, in the same rounds, what torch.fx does to have a copy to edit: ``copy.deepcopy`` of the ``GraphModule`` of
the same network and ``recompile()``; its parameters are on the meta device, so that no weights are copied. Kinder to
fx: the graph alone is copied, into a new ``GraphModule`` that shares all parameters. Neither is edited, and fx has no
digest.

For orientation: a first digest; the same three changes made by a `Mutator`, whose `apply` verifies the fork and takes
out dead code; and the `apply` of `InlineMutator` to a model in which nothing is open any more.

Aim: less than either, and at most 1 ms.
"""

from __future__ import annotations

import copy
import time
from dataclasses import replace

import torch
from torch import fx

from benchmarks.networks import ResNet50
from benchmarks.report import Comparison, Parts, Report, Row, compare
from benchmarks.stopwatch import watching
from benchmarks.timing import Measure, interleave, time_calls
from retix.converter import convert
from retix.ir import Model, Module
from retix.mutation import InlineMutator, Mutator
from retix.space import Choice, Decision

ROUNDS = 15
CALLS = 10

AIM = "retix takes less than a copy of the fx graph alone, and at most 1 ms"

_EDITED = (("stage1.1", "conv2"), ("stage3.3", "conv2"), ("stage4.2", "conv2"))
_PARTS = {
    "fork": ("retix.ir:Model.fork",),
    "copy and change three graphs": ("benchmarks.edit:_change",),
    "digest": ("retix.ir:Model.digest",),
}


def run() -> Report:
    """Run the benchmark."""
    torch.manual_seed(0)
    model = convert(ResNet50(), torch.randn(2, 3, 224, 224))
    model.digest()
    with torch.device("meta"):
        traced = fx.symbolic_trace(ResNet50())
    sides = {
        "retix": lambda: _edit(model),
        "fx: copy the module": lambda: _copy_module(traced),
        "fx: copy the graph alone": lambda: fx.GraphModule(traced, copy.deepcopy(traced.graph)),
    }
    times = interleave({name: time_calls(side, CALLS) for name, side in sides.items()}, ROUNDS)
    model.fork().verify()
    others = {
        "a first digest, nothing cached": _time_first_digest(model),
        "the changes by Mutator.apply": time_calls(lambda: _Change().apply(model, _take_last), CALLS),
        "InlineMutator.apply, nothing open": time_calls(lambda: InlineMutator().apply(model, _take_last), CALLS),
    }
    alone = tuple(Row(name, seconds) for name, seconds in interleave(others, ROUNDS).items())
    return Report(AIM, (compare("ResNet-50", times), Comparison("for orientation", alone), _split(model)))


def _edit(model: Model) -> str:
    fork = _change(model.fork())
    return fork.digest()


def _change(fork: Model) -> Model:
    for graph, name in _EDITED:
        _set_bias(fork, graph, name, True)
    return fork


def _set_bias(model: Model, graph: str, name: str, bias: bool) -> None:
    node = model.graph(graph).node(name)
    layer = node.operation
    assert isinstance(layer, Module), f"{graph}.{name} is no layer"
    node.update_operation(replace(layer, kwargs={**layer.kwargs, "bias": bias}))


class _Change(Mutator):
    """The three changes, as choices."""

    def mutate(self, model: Model) -> None:
        for graph, name in _EDITED:
            _set_bias(model, graph, name, self.choice([False, True]))


def _take_last(decision: Decision) -> Choice:
    return decision.candidates[-1]


def _copy_module(traced: fx.GraphModule) -> None:
    copy.deepcopy(traced).recompile()


def _time_first_digest(model: Model) -> Measure:
    """A measure of the digest of a model that was read anew, so that none of its graphs knows its canonical form."""
    written = model.to_json()

    def measure() -> float:
        return time_calls(Model.from_json(written).digest)()

    return measure


def _split(model: Model) -> Parts:
    with watching(_PARTS, time.process_time) as stopwatch:
        for _ in range(CALLS):
            _edit(model)
    return Parts("one edit, by parts", {name: spent / CALLS for name, spent in stopwatch.seconds().items()})
