"""Shapes recorded afresh, after edits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from retix.ir import ClassSource, Graph, Model, Value
from retix.profile.meta import build_on_meta, make_inputs, run_on_meta

_PROBE = "retix_probe"
_CODE = '''\
class RetixProbe(nn.Module):
    """Hands on what it is given, and is seen doing so."""

    def __init__(self, graph, value):
        super().__init__()
        self.seen_in, self.seen_as = graph, value

    def forward(self, x):
        return x
'''


def infer_shapes(model: Model, example_inputs: Any = None, *, batch_size: int | None = None) -> None:
    """Record shape and dtype of the model's values anew, by running its code on torch's meta device.

    A copy of the model has a probe behind each value; it is generated, run once in eval mode and thrown away. A graph
    that is called several times keeps what its first call saw. Values that do not count, and those in branches that
    are not taken, have no shape afterwards.

    Args:
        model: All its choices are made; its values change, and those of forks do not.
        example_inputs: See `summarize`.
        batch_size: See `summarize`.

    Raises:
        ProfileError: See `summarize`; nothing is changed.
        GenerationError: The model has no Python form; nothing is changed.
    """
    probed = model.copy()  # no fork, which would freeze graphs whose nodes the user may hold
    probed.sources[_PROBE] = ClassSource("RetixProbe", _CODE, ("from torch import nn",))
    for name in tuple(probed.graphs):
        graph = probed.graph(name)
        for value in list(_values(graph)):
            graph.insert_on(value, "probe", _PROBE, {"graph": name, "value": value.name})
    module = build_on_meta(probed).eval()
    seen = _watch(module)
    run_on_meta(module, make_inputs(model, example_inputs, batch_size))
    for name in tuple(model.graphs):
        for value in _values(model.graph(name)):
            value.shape, value.dtype = seen.get((name, value.name), (None, None))


def _values(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    for node in graph.nodes:
        yield from node.outputs


def _watch(module: torch.nn.Module) -> dict[tuple[str, str], tuple[tuple[int, ...], str]]:
    """What each probe is given first, by graph and value, once the module runs."""
    seen: dict[tuple[str, str], tuple[tuple[int, ...], str]] = {}

    def watch(probe: Any, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, torch.Tensor):
            seen.setdefault((probe.seen_in, probe.seen_as), (tuple(output.shape), str(output.dtype)))

    for part in module.modules():
        if type(part).__name__ == "RetixProbe":
            part.register_forward_hook(watch)
    return seen
