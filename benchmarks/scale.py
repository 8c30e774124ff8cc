"""How the work on a model grows with its size, from 1,000 to 100,000 nodes.

Measured: `verify`, a walk in topological order (`Graph.nodes`, of each node the predecessors), `digest`, `to_json` and
`from_json`, of one flat graph and of many graphs of 100 nodes; residual blocks with in-place activations, each with
literals of its own. State: a model that nobody forked, so that nothing is known about it from before. All in CPU time,
on one thread.

What is compared is the time per node with that at 1,000 nodes, and the exponent that fits best: time ~ nodes **
exponent. Python's garbage collector looks at all new objects again each time their number has grown by a quarter, which
small models never see. So that the growth of the work itself shows, it is paused; the last rows of each table leave it
on, for the two pieces of work that make the most objects.

Aim: exponents of 1.0, within 0.1.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.plot import draw_growths
from benchmarks.report import Growth, Report
from benchmarks.timing import Measure, interleave, time_calls
from retix.ir import Call, Cell, Function, Graph, Model

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
PART = 100
ROUNDS = 3
PLOT = Path(__file__).parents[1] / "docs" / "scale.svg"

AIM = "time grows as nodes ** 1.0, within 0.1"


def run() -> Report:
    """Run the benchmark and draw the plot."""
    growths = (_measure("one flat graph", make_flat), _measure(f"graphs of {PART} nodes", make_parts))
    PLOT.write_text(draw_growths("Time per node, relative to 1,000 nodes", growths), encoding="utf-8")
    return Report(AIM, growths)


def make_flat(n_nodes: int) -> Model:
    """A model of one graph."""
    return Model({"net": _make_blocks("net", n_nodes)}, "net")


def make_parts(n_nodes: int) -> Model:
    """A model whose root calls one graph of 100 nodes after the other, all of them different."""
    root = Graph("net", "Net")
    value = root.add_input("x")
    graphs = {"net": root}
    for index in range(n_nodes // PART):
        name = f"part{index}"
        graphs[name] = _make_blocks(name, PART, first=index * PART)
        value = root.add(Call(root.add_member(name, Cell(name))), [value], name=name).output
    root.set_result(value)
    return Model(graphs, "net")


def _make_blocks(name: str, n_nodes: int, first: int = 0) -> Graph:
    """Convolution, normalisation, activation in place, sum with what went in; over and over."""
    graph = Graph(name, "Net")
    value = short = graph.add_input("x")
    for index in range(first, first + n_nodes):
        match index % 4:
            case 0:
                value = graph.add_module("conv", "torch.nn.Conv2d", [value], {"out_channels": index}).output
            case 1:
                value = graph.add_module("norm", "torch.nn.BatchNorm2d", [value], {"num_features": index}).output
            case 2:
                value = graph.add_module("relu", "torch.nn.ReLU", [value], {"inplace": True}).output
            case _:
                value = short = graph.add(Function("aten::add"), [value, short], name="add").output
    graph.set_result(value)
    return graph


def _walk(model: Model) -> None:
    for graph in model.graphs.values():
        for node in graph.nodes:
            _ = node.predecessors


def _measure(title: str, make: Callable[[int], Model]) -> Growth:
    models = {size: make(size) for size in SIZES}
    written = {size: model.to_json() for size, model in models.items()}
    with _settled_heap():
        seconds = {
            "verify": _time(lambda size: models[size].verify()),
            "topological order": _time(lambda size: _walk(models[size])),
            "digest": _time(lambda size: models[size].digest()),
            "to JSON": _time(lambda size: models[size].to_json()),
            "from JSON": _time(lambda size: Model.from_json(written[size])),
        }
        collected = {
            "to JSON, collector on": _time(lambda size: models[size].to_json(), collecting=True),
            "from JSON, collector on": _time(lambda size: Model.from_json(written[size]), collecting=True),
        }
    return Growth(title, SIZES, seconds, collected)


def _time(work: Callable[[int], object], *, collecting: bool = False) -> tuple[float, ...]:
    """The median seconds at each size; the sizes are measured in turn."""
    sides = {str(size): _make_measure(work, size, collecting) for size in SIZES}
    found: Mapping[str, tuple[float, ...]] = interleave(sides, ROUNDS)
    return tuple(statistics.median(found[str(size)]) for size in SIZES)


def _make_measure(work: Callable[[int], object], size: int, collecting: bool) -> Measure:
    timed = time_calls(lambda: work(size), count=max(1, SIZES[3] // size))

    def measure() -> float:
        # what time_calls collects before it begins it collects all the same
        if not collecting:
            gc.disable()
        try:
            return timed()
        finally:
            gc.enable()

    return measure


@contextmanager
def _settled_heap() -> Iterator[None]:
    """Keep the collector from looking at the models themselves, which would cost each size the same."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
