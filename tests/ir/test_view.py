"""Models as networkx graphs."""

from __future__ import annotations

import networkx

from tests.ir.models import make_if_model, make_rich_model


def test_nodes_and_edges() -> None:
    """Nodes carry graph, type and text, those in branches too; edges carry the value that flows."""
    view = make_if_model().to_networkx()
    assert view.nodes["net/conv"] == {"graph": "net", "type": "torch.nn.Conv2d", "text": "%conv = .conv(%x)"}
    assert view.nodes["net:else/fc"]["type"] == "torch.nn.Linear"
    assert view.nodes["net/%x"]["type"] == "input"
    assert view.nodes["net/return"]["text"] == "return(%chosen)"
    assert sorted(view.edges(data="value")) == [
        ("net/%x", "net/conv", "x"),
        ("net/chosen", "net/return", "chosen"),
        ("net/conv", "net/chosen", "conv"),
        ("net/training", "net/chosen", "training"),
        ("net:else/%y", "net:else/fc", "y"),
        ("net:else/fc", "net:else/return", "fc"),
        ("net:then/%y", "net:then/conv", "y"),
        ("net:then/conv", "net:then/return", "conv"),
    ]


def test_views_are_acyclic() -> None:
    """Data flows forward."""
    assert networkx.is_directed_acyclic_graph(make_rich_model().to_networkx())
