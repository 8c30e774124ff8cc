"""Plans are carried out on real tensors."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from retix.errors import StoreError
from retix.weights import apply_inheritance


def make_plan(**fields: Any) -> dict[str, Any]:
    """A plan in JSON values."""
    empty: dict[str, Any] = {
        "version": 1,
        "tensors": {},
        "modules": {},
        "by_name": False,
        "preserves": True,
        "report": [],
    }
    return {**empty, **fields}


def along(*index: int, scale: list[float] | None = None) -> dict[str, Any]:
    """How an axis is taken."""
    return {"index": list(index), "scale": scale}


def test_copy() -> None:
    """A tensor becomes the parent's; what the plan does not name stays."""
    child = nn.Linear(2, 3)
    before = child.bias.detach().clone()
    state = {"old": torch.arange(6.0).reshape(3, 2)}
    report = apply_inheritance(child, state, make_plan(tensors={"weight": {"rule": "copy", "from": "old"}}))
    assert torch.equal(child.weight, state["old"])
    assert torch.equal(child.bias, before)
    assert report.preserves
    assert (report.inherited, report.parameters) == (6, 9)
    assert report.left == {"bias": "the plan does not name it"}


def test_map() -> None:
    """Axes are taken by index and multiplied; what is new keeps its start, times its scale."""
    child = nn.Linear(3, 3)
    before = child.weight.detach().clone()
    axes = [along(0, 1, -1), along(1, -1, 0, scale=[2.0, 0.0, 0.5])]
    state = {"weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}
    plan = make_plan(tensors={"weight": {"rule": "map", "from": "weight", "axes": axes}})
    apply_inheritance(child, state, plan)
    assert child.weight[:2].tolist() == [[4.0, 0.0, 0.5], [8.0, 0.0, 1.5]]
    assert torch.allclose(child.weight[2], before[2] * torch.tensor([2.0, 0.0, 0.5]))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_identity_kernels(kernel: int) -> None:
    """The rule makes a convolution that hands on what it is given."""
    child = nn.Conv2d(4, 4, kernel, padding=kernel // 2)
    rules = {"weight": {"rule": "identity", "index": [0, 1, 2, 3]}, "bias": {"rule": "fill", "value": 0.0}}
    apply_inheritance(child, {}, make_plan(tensors=rules))
    given = torch.randn(2, 4, 6, 6)
    assert torch.allclose(child(given), given)


def test_rules_that_do_not_fit() -> None:
    """A rule that does not fit changes nothing, and is reported with the reason."""
    child = nn.Linear(2, 2)
    before = copy.deepcopy(child.state_dict())
    rules = {"weight": {"rule": "copy", "from": "weight"}, "bias": {"rule": "copy", "from": "gone"}}
    report = apply_inheritance(child, {"weight": torch.zeros(3, 2)}, make_plan(tensors=rules))
    assert all(torch.equal(tensor, before[name]) for name, tensor in child.state_dict().items())
    assert report.left["weight"] == "its shape is (2, 2), the parent's (3, 2)"
    assert report.left["bias"] == "the parent has no tensor 'gone'"
    assert not report.preserves
    assert report.inherited == 0
    wide = {"weight": {"rule": "map", "from": "weight", "axes": [along(0, 5), None]}}
    report = apply_inheritance(child, {"weight": torch.zeros(3, 2)}, make_plan(tensors=wide))
    assert "3 units" in report.left["weight"]


def test_by_name() -> None:
    """Without a graph, what has an equal name and shape is copied."""
    parent, child = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3)), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    report = apply_inheritance(child, parent.state_dict(), make_plan(by_name=True, preserves=False))
    assert torch.equal(child[0].weight, parent[0].weight)
    assert set(report.left) == {"1.weight", "1.bias"}


def test_unknown_layers() -> None:
    """Layers of which only the name is known hand on what they hold."""
    parent, child = nn.ModuleDict({"old": nn.LSTM(2, 3)}), nn.ModuleDict({"new": nn.LSTM(2, 3)})
    apply_inheritance(child, parent.state_dict(), make_plan(modules={"new": "old"}))
    assert torch.equal(child["new"].weight_hh_l0, parent["old"].weight_hh_l0)


def test_lazy_layers() -> None:
    """A layer that learns its size when it is first called has it from its parent."""
    parent, child = nn.LazyLinear(3), nn.LazyLinear(3)
    parent(torch.zeros(1, 5))
    rules = {name: {"rule": "copy", "from": name} for name in ("weight", "bias")}
    report = apply_inheritance(child, parent.state_dict(), make_plan(tensors=rules))
    given = torch.randn(2, 5)
    assert torch.equal(child(given), parent(given))
    assert report.inherited == 18


def test_nothing_else_changes() -> None:
    """Types, gradients, and the stream of random numbers stay as they are."""
    child = nn.Linear(2, 2).to(torch.float64)
    child.bias.requires_grad_(False)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    rules = {"weight": {"rule": "copy", "from": "weight"}, "bias": {"rule": "fill", "value": 2.0}}
    apply_inheritance(child, {"weight": torch.ones(2, 2)}, make_plan(tensors=rules))
    assert torch.rand(1) == expected
    assert child.weight.dtype == torch.float64
    assert child.weight.requires_grad
    assert not child.bias.requires_grad
    assert child.bias.tolist() == [2, 2]


def test_reports() -> None:
    """The report goes to JSON, and has a line for the log."""
    child = nn.Linear(2, 2)
    rules = {"weight": {"rule": "copy", "from": "weight"}, "bias": {"rule": "initial", "why": "so"}}
    report = apply_inheritance(child, {"weight": torch.ones(2, 2)}, make_plan(tensors=rules, preserves=False))
    assert report.to_json()["counts"] == {"copy": 1, "initial": 1}
    assert report.summary() == "67% of the parameters (1 copied, 1 initialised tensors); its function is another"


def test_newer_plans_are_refused() -> None:
    """A plan that this retix may misread is not carried out."""
    with pytest.raises(StoreError, match="has version 2"):
        apply_inheritance(nn.Linear(1, 1), {}, make_plan(version=2))
