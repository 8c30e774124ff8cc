"""Drawings for Mermaid."""

from __future__ import annotations

from tests.ir.test_dot import make_drawn

EXPECTED = r"""flowchart TB
  n0(["x"])
  subgraph c0["block: Net"]
    n1["relu<br/>ReLU()"]
  end
  n2{{"pick<br/>a: Linear(8)<br/>b: Identity()<br/>choice op: a | b"}}:::choice
  n3["is('a #34;#60;b#62;#34; #92;#92; #35;')"]
  n4{"if"}
  subgraph c1["then"]
    n5["relu"]
  end
  n6{"while"}
  subgraph c2["body"]
    n7["relu"]
  end
  n8(["return"])
  n0 -->|"2x8"| n1
  n1 --> n2
  n2 --> n3
  n3 --> n4
  n2 --> n5
  n4 -->|"then"| n5
  n5 --> n6
  n2 --> n6
  n6 --> n7
  n7 -.-> n6
  n6 --> n8
  classDef choice stroke:#b35900,stroke-width:2px,stroke-dasharray:5 3
"""


def test_mermaid() -> None:
    """Cells and branches are subgraphs, choices dashed, shapes on the arrows, and what means something is escaped."""
    assert make_drawn().to_mermaid() == EXPECTED


def test_depth_and_graph() -> None:
    """Both options reach the drawing."""
    model = make_drawn()
    assert '"block: Net"' not in model.to_mermaid(depth=0)
    assert model.to_mermaid(graph="block").count("-->") == 2
