"""Tracing with opaque leaves."""

from __future__ import annotations

import gc
import weakref

import torch

from retix.converter.trace import trace


def test_graphs_go_with_their_trace() -> None:
    """Nothing of a trace stays in the process: what leaves returned, which graphs hold as constants, is let go."""
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Identity())
    found = trace(net, (torch.randn(1, 1, 8, 8),), {}, lambda tensor: None)
    graph = found.graph("0", "forward")
    results = [weakref.ref(call.results) for call in found.leaf_runs]
    assert len(results) == 2
    del found
    gc.collect()
    assert results[0]() is not None  # while anybody has the graph
    del graph
    gc.collect()
    assert all(result() is None for result in results)
