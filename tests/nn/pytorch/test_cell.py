"""Cells whose operations and connections are searched for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix.errors import SpaceError
from tests.nn.pytorch.samples import draw, list_samples

X = torch.randn(2, 4, 6, 6)
OPS = {"conv": nn.Conv2d(4, 4, 3, padding=1), "skip": nn.Identity(), "pool": nn.MaxPool2d(3, 1, 1)}


def test_darts_like_cells() -> None:
    """A random cell is what its answers say: sums of operations on chosen states, concatenated."""
    cell = nn.Cell(OPS, 3, 2, 2, label="cell")
    for sample in islice(draw(cell, 0), 50):
        fixed: Any = nn.fix(cell, sample)
        states = [X, X * 2]
        for node in range(2, 5):
            done = []
            for k in range(2):
                op = cell.ops[node - 2][k][sample[f"cell/op_{node}_{k}"]]  # type: ignore[index]  # a LayerChoice
                done.append(op(states[sample[f"cell/input_{node}_{k}"][0]]))
            states.append(done[0] + done[1])
        result = fixed(X, X * 2)
        assert torch.equal(result, torch.cat(states[2:], 1))
        result.sum().backward() if result.requires_grad else None


@pytest.mark.parametrize("concat_dim", [1, 2])
def test_loose_ends(concat_dim: int) -> None:
    """Only nodes that no other takes are concatenated, and the fixed cell lists them."""
    cell = nn.Cell([nn.Identity()], 3, 1, 1, merge_op="loose_end", concat_dim=concat_dim, label="c")
    assert cell.output_node_indices == [1, 2, 3]
    for sample in list_samples(cell):
        fixed: Any = nn.fix(cell, sample)
        taken = {sample[f"c/input_{node}_0"][0] for node in (1, 2, 3)}
        assert fixed.output_node_indices == [node for node in (1, 2, 3) if node not in taken]
        assert fixed(X).shape[concat_dim] == X.shape[concat_dim] * len(fixed.output_node_indices)


def test_factories_that_need_their_input() -> None:
    """A function of the input's index makes another operation for each input, and only the chosen one stays."""

    def halve(node: int, operation: int, index: int | None) -> torch.nn.Module:
        assert index is not None
        return nn.Conv2d(4, 4, 1, stride=2 if index < 2 else 1)

    cell = nn.Cell([halve], 2, 1, 2, label="c")
    assert cell(X, X).shape == (2, 8, 3, 3)
    for sample in list_samples(cell):
        fixed: Any = nn.fix(cell, sample)
        assert fixed([X, X]).shape == (2, 8, 3, 3)
        strides = [part.stride[0] for part in fixed.modules() if isinstance(part, torch.nn.Conv2d)]
        assert strides == [2, 2 if sample["c/input_3_0"][0] < 2 else 1]


def test_factories_that_do_not() -> None:
    """Where functions make the same for every input, there is one operation; they get node, operation and None."""
    seen = []

    def make(node: int, operation: int, index: int | None) -> torch.nn.Module:
        seen.append((node, operation, index))
        return nn.Conv2d(4, 4, 1)

    cell = nn.Cell({"conv": make}, 2, 2, 1)
    assert sum(isinstance(part, torch.nn.Conv2d) for part in cell.modules()) == 4
    assert seen[-1] == (2, 1, None)


def test_candidates_by_a_function() -> None:
    """A function without arguments may return the candidates, as scripts of old do."""
    cell = nn.Cell(lambda: [nn.ReLU(), nn.Tanh()], 1, label="c")
    assert {d.label: len(d.candidates) for d in nn.decisions_of(cell)} == {"c/op_1_0": 2, "c/input_1_0": 1}


def test_pre_and_postprocessor() -> None:
    """What goes in is prepared, and the postprocessor gets the result and the inputs as they came."""
    cell = nn.Cell(
        [nn.Identity()],
        1,
        1,
        2,
        preprocessor=lambda xs: [x * 2 for x in xs],
        postprocessor=lambda out, xs: (xs[-1], out),
    )
    kept, out = cell(X, X + 1)
    assert torch.equal(kept, X + 1)
    assert torch.equal(out, X * 2)


def test_labels_of_cells() -> None:
    """Unlabelled cells go by their paths, copies share their answers, and labels of one cell serve another."""
    cell = nn.Cell([nn.ReLU(), nn.Tanh()], 1)
    net = torch.nn.ModuleDict(
        {
            "a": cell,
            "b": copy.deepcopy(cell),
            "c": nn.Cell([nn.ReLU(), nn.Tanh()], 1),
            "d": nn.Cell([nn.ReLU()], 1, label="x"),
        }
    )
    assert [d.label for d in nn.decisions_of(net)] == [
        f"{name}/{kind}_1_0" for name in ("a", "c", "x") for kind in ("op", "input")
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Cell(OPS, 0), "num_nodes=0"),
        (lambda: nn.Cell(OPS, 1, merge_op="some"), "merge_op 'some'"),
        (lambda: nn.Cell([3], 1), "makes None, which is no module"),
        (lambda: nn.Cell(nn.ReLU(), 1), "one module"),
        (lambda: nn.Cell(OPS, 1, 1, 2)(X), "2 predecessors is called with 1"),
        (lambda: nn.NasBench201Cell([nn.Linear], 2, 2, 1), "num_tensors=1"),
        (lambda: nn.NasBench101Cell([nn.Linear], 2, 2, nn.Linear, 1), "max_num_nodes=1"),  # type: ignore[list-item]
        (lambda: nn.AutoActivation(0), "unit_num=0"),
    ],
)
def test_refused(make: Callable[[], Any], message: str) -> None:
    """Arguments without a meaning are refused with the user's line."""
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert "test_cell.py:" in str(caught.value.where)


def test_nasbench201() -> None:
    """A random cell sums the chosen operations on all tensors before; there are 5 ** 6 of the published size."""
    cell = nn.NasBench201Cell({"a": nn.Linear, "b": lambda i, o: nn.Linear(i, o, bias=False)}, 3, 5, label="c")
    x = torch.randn(2, 3)
    for sample in islice(draw(cell, 1), 50):
        tensors = [x]
        for end in range(1, 4):
            done = [cell.layers[end - 1][i][sample[f"c/{i}_{end}"]](tensors[i]) for i in range(end)]  # type: ignore[index]
            tensors.append(torch.stack(done).sum(0))
        result = nn.fix(cell, sample)(x)
        assert torch.equal(result, tensors[-1])
        result.sum().backward()
    assert len(nn.decisions_of(cell)) == 6


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_auto_activation() -> None:
    """Every unary and binary unit keeps the shape, and labels count the units."""
    act = nn.AutoActivation(2)
    labels = [decision.label for decision in nn.decisions_of(torch.nn.Sequential(act))]
    assert labels == ["0/unary_0", "0/unary_1", "0/unary_2", "0/binary_0", "0/binary_1"]
    x = torch.rand(3, 4) + 0.1
    for sample in islice(draw(act, 2), 50):
        fixed = nn.fix(act, sample)
        assert fixed(x).shape == x.shape
    for choice in (act.first_unary, act.binaries[0]):
        for unit in choice:  # type: ignore[union-attr]  # a LayerChoice
            torch.jit.script(unit)
