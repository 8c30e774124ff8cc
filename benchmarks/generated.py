"""What a generated module costs: to write it, and to run it.

Written: `generate` and Python's own `compile` of the text, for the graphs of ResNet-50 and ViT-B/16; beside it, in the
same rounds, ``torch.fx``'s `GraphModule.recompile` of the same models. Both turn a graph into functions that can be
called; recompile writes one ``forward`` for one flat graph, generate the classes with their constructors as well.

Run: the generated module beside the base model whose weights it has, in eval mode without gradients, and a step of
training (forward, mean of the squares as the loss, backward, a step of SGD). All in CPU time, on one thread.

Aim: 1.5 times a recompile; 1.00 of the base model's time, within 0.03.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn

from benchmarks.networks import ResNet50, ViTB16
from benchmarks.report import Comparison, Report, compare
from benchmarks.timing import interleave, time_calls
from retix.codegen import Source, generate
from retix.converter import convert
from tests.zoo.zoo import ZOO

AIM = "generate and compile take at most 1.5 recompiles; what they make runs at the base model's speed, 1.00 ± 0.03"

WRITE_ROUNDS = 9
RUN_ROUNDS = 15
IMAGES = (2, 3, 64, 64)


def run() -> Report:
    """Run the benchmark."""
    torch.manual_seed(0)
    animals = {animal.name: animal.build for animal in ZOO}
    tables = [_measure_writing(make().eval(), torch.randn(2, 3, 224, 224)) for make in (ResNet50, ViTB16)]
    for model, inputs, count in (
        (ResNet50(), torch.randn(IMAGES), 1),
        (ViTB16(), torch.randn(1, 3, 224, 224), 1),
        (animals["Tagger"](), torch.randint(0, 30, (8, 32)), 32),
        (animals["UNet"](), torch.randn(4, 1, 64, 64), 8),
    ):
        tables += _measure_running(model, inputs, count)
    return Report(AIM, tuple(tables))


def _measure_writing(model: nn.Module, images: Tensor) -> Comparison:
    graph = convert(model, images)
    source = generate(graph)
    traced = torch.fx.symbolic_trace(model)
    sides = {
        "retix": time_calls(lambda: _compile(generate(graph)), 3),
        "torch.fx recompile": time_calls(traced.recompile, 3),
        "compile of the text alone": time_calls(lambda: _compile(source), 3),
    }
    return compare(f"{type(model).__name__}, from the graph to functions", interleave(sides, WRITE_ROUNDS))


def _compile(source: Source) -> Any:
    return compile(source.text, "model.py", "exec")


def _measure_running(model: nn.Module, inputs: Tensor, count: int) -> list[Comparison]:
    made = _build(generate(convert(model, inputs)), model)
    works: Mapping[str, Callable[[nn.Module], Callable[[], object]]] = {
        "forward": lambda module: lambda: _infer(module.eval(), inputs),
        "training step": lambda module: _make_step(module.train(), inputs),
    }
    tables = []
    for work, prepare in works.items():
        sides = {"generated": time_calls(prepare(made), count), "the base model": time_calls(prepare(model), count)}
        tables.append(compare(f"{type(model).__name__}, {work}", interleave(sides, RUN_ROUNDS, warm_ups=2)))
    return tables


def _build(source: Source, model: nn.Module) -> nn.Module:
    namespace: dict[str, Any] = {}
    exec(_compile(source), namespace)
    made: nn.Module = namespace[source.entry]()
    state = model.state_dict()
    made.load_state_dict({name: state[origin] for name, origin in source.state_names.items()})
    return made


def _infer(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        module(inputs)


def _make_step(module: nn.Module, inputs: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-6)

    def step() -> None:
        outputs = module(inputs)
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        optimizer.zero_grad()
        torch.stack([part.square().mean() for part in parts]).sum().backward()  # type: ignore[no-untyped-call]  # torch's
        optimizer.step()

    return step
