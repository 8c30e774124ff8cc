"""The cell of NAS-Bench-101."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from retix.space import vertex_width
from tests.nn.pytorch.samples import draw, list_samples

X = torch.randn(2, 8, 5, 5)


def _make(max_num_nodes: int = 7, max_num_edges: int = 9) -> nn.NasBench101Cell:
    ops: dict[str, Any] = {
        "conv": lambda width: nn.Conv2d(width, width, 3, padding=1),
        "block": lambda width: nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU()),
        "pool": lambda width: nn.MaxPool2d(3, 1, 1),
    }
    project = lambda i, o: nn.Conv2d(i, o, 1)  # noqa: E731 - as users write
    return nn.NasBench101Cell(ops, 8, 14, project, max_num_nodes, max_num_edges, label="c")


def _by_hand(cell: Any, fixed: Any, sample: Any) -> Any:
    """The cell as the paper has it, with the modules of the fixed one."""
    last = sample["c/num_nodes"] - 1
    sources = {vertex: sample[f"c/input{vertex}"] for vertex in range(1, last + 1)}
    live = {last}
    for vertex in range(last, 0, -1):
        live |= set(sources[vertex]) if vertex in live else set()
    results: dict[int, Any] = {0: X}
    for vertex in range(1, last):
        if vertex in live:
            part = getattr(fixed, f"vertex{vertex}")
            width = vertex_width(vertex, 8, 14, last + 1, *(sources[v] for v in sources))
            given = [part.projection(X)] if 0 in sources[vertex] else []
            given += [results[s][:, :width] for s in sources[vertex] if s]
            total = given[0]
            for each in given[1:]:
                total = total + each
            results[vertex] = part.op(total)
            assert results[vertex].shape[1] == width
    inner = [results[source] for source in sources[last] if source]
    if not inner:
        return fixed.projection(X)
    out = torch.cat(inner, 1) if len(inner) > 1 else inner[0]
    return out + fixed.projection(X) if 0 in sources[last] else out


def test_random_cells() -> None:
    """Random cells of the published size compute what the paper says, with 14 features, and have gradients."""
    cell = _make()
    for sample in islice(draw(cell, 0), 50):
        assert sum(len(sample[f"c/input{v}"]) for v in range(1, sample["c/num_nodes"])) <= 9
        fixed = nn.fix(cell, sample)
        result = fixed(X)
        assert result.shape == (2, 14, 5, 5)
        assert torch.equal(result, _by_hand(cell, fixed, sample))
        result.sum().backward()
        assert all(p.grad is not None for p in fixed.parameters())


def test_every_small_cell() -> None:
    """Each cell of up to four vertices runs; vertices and projections that take no part are gone."""
    cell = _make(4)
    samples = list(list_samples(cell))
    # an operation is asked for where its vertex takes part: the sources of the last vertex decide, and of the second
    assert len(samples) == 1 + (1 + 3 + 3) + (3 + 9 + 9 + 21 + 21 + 27 + 27)
    for sample in samples[::7]:
        fixed: Any = nn.fix(cell, sample)
        assert torch.equal(fixed(X), _by_hand(cell, fixed, sample))


def test_base_cell() -> None:
    """The base cell, whose default is the projection alone, runs; two vertices need no choice but their number."""
    assert _make()(X).shape == (2, 14, 5, 5)
    assert nn.fix(_make(2), {"c/num_nodes": 2, "c/input1": [0]})(X).shape == (2, 14, 5, 5)


def test_too_many_edges() -> None:
    """A sample with more edges than allowed is refused."""
    cell = _make(4, 3)
    answers = {"c/num_nodes": 4, "c/op1": "conv", "c/op2": "conv", "c/input1": [0], "c/input2": [0, 1], "c/input3": [2]}
    with pytest.raises(SpaceError, match="at most 3 edges"):
        nn.fix(cell, answers)


@pytest.mark.parametrize(
    ("num_nodes", "inputs", "widths"),
    [
        (5, [(0,), (0,), (1,), (1, 2, 3)], {1: 5, 2: 5, 3: 4}),
        (5, [(0,), (1,), (2,), (0, 3)], {1: 14, 2: 14, 3: 14}),
        (4, [(0,), (0,), (2,)], {1: 14, 2: 14}),
        (2, [(0,)], {1: 14}),
    ],
)
def test_widths(num_nodes: int, inputs: list[tuple[int, ...]], widths: dict[int, int]) -> None:
    """The output's features are shared out, the first get one more, and others are as wide as what they feed."""
    assert {vertex: vertex_width(vertex, 8, 14, num_nodes, *inputs) for vertex in widths} == widths
