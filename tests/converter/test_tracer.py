"""TorchScript's tracer."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retix.converter.tracer import Script, is_size, is_tracing, untraced

X = torch.linspace(-1, 1, 8).view(2, 4)


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4), requires_grad=False)
        self.register_buffer("shift", torch.zeros(4))
        self.register_parameter("nothing", None)

    @torch.jit.export
    def unused(self, x: Any) -> Any:
        """Cannot be compiled."""
        return [*x, {**vars(self)}]

    def forward(self, x: Any) -> Any:
        return x * self.weight + self.shift


class Net(torch.nn.Module):
    def __init__(self, ask: Any = None) -> None:
        super().__init__()
        self.inner = torch.nn.ModuleList([Inner(), Inner()])
        self.empty = None
        self.ask = [ask]

    def forward(self, x: Any) -> Any:
        if self.ask[0] is not None:
            self.ask[0](x)
        return self.inner[1](self.inner[0](self.inner[1](x)))


def record(net: torch.nn.Module) -> Script:
    """The net's graphs."""
    script = Script(net)
    script.record((X.clone(),))
    return script


def test_every_call_of_a_part_is_a_graph() -> None:
    """Graphs are found by the path of the part, and the number of the call."""
    script = record(Net())
    kinds = [node.kind() for node in script.graph("", "forward").nodes()]
    assert kinds.count("prim::CallMethod") == 3
    for path, method in (("inner.0", "forward"), ("inner.1", "forward"), ("inner.1", "forward1")):
        names = [node.s("name") for node in script.graph(path, method).nodes() if node.kind() == "prim::GetAttr"]
        assert sorted(names) == ["shift", "weight"]


def test_nothing_is_compiled() -> None:
    """What a class exports to the compiler has no place in a trace: `torch.jit.trace` fails on it."""
    with pytest.warns(DeprecationWarning, match="jit"), pytest.raises(Exception, match=r"unused|Unsupported|support"):
        torch.jit.trace(Net(), X)  # type: ignore[no-untyped-call]  # torch left it untyped
    record(Net())


def test_tracing_can_be_left() -> None:
    """What is done untraced is in no graph."""
    seen = []

    def ask(x: torch.Tensor) -> None:
        seen.append(is_tracing())
        with untraced():
            seen.append(is_tracing())
            x.sigmoid()
        seen.append(is_tracing())
        x.tanh_()

    script = record(Net(ask))
    kinds = [node.kind() for node in script.graph("", "forward").nodes()]
    assert seen == [True, False, True]
    assert "aten::tanh_" in kinds
    assert "aten::sigmoid" not in kinds
    assert not is_tracing()


def test_sizes_are_told_from_data() -> None:
    """Numbers made of sizes and constants are sizes; anything with data in it is not."""
    answers: list[bool] = []

    def ask(x: torch.Tensor) -> None:
        size: Any = x.shape[0]
        answers.extend(is_size(item) for item in (size, size * 2 + 1, torch.arange(size), x.sum(), size * x.sum()))

    record(Net(ask))
    assert answers == [True, True, True, False, False]


def test_a_failed_trace_leaves_nothing_behind() -> None:
    """An error in forward comes out, and the tracer is off again."""

    def fail(x: torch.Tensor) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        record(Net(fail))
    assert not is_tracing()
    record(Net())
