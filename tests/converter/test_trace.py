"""Tracing with opaque leaves."""

from __future__ import annotations

import torch

from retix.converter.frontend import LEAF
from retix.converter.trace import trace


def test_graphs_hold_no_results_of_leaves() -> None:
    """The graphs that torch keeps for the life of the process hold nothing of what leaves returned."""
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Identity())
    found = trace(net, (torch.randn(1, 1, 8, 8),), {})
    leaves = 0
    for module in found.script.modules():
        for name in module._c._method_names():
            graph = module._c._get_method(name).graph
            leaves += sum(node.kind() == LEAF for node in graph.nodes())
            constants = [n for n in graph.nodes() if n.kind() == "prim::Constant" and n.kindOf("value") == "t"]
            assert all(node.t("value").numel() == 0 for node in constants)
    assert leaves == 2
