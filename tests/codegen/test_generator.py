"""Writing many models with one generator."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Iterator

import pytest
import torch

import retix.nn.pytorch as nn
from benchmarks.darts import Darts
from benchmarks.sample_space import define_digits
from retix import model_wrapper
from retix.codegen import Generator, generate
from retix.converter import convert
from retix.errors import GenerationError
from retix.ir import Function, Graph, Model, Module, Symbol
from retix.mutation import MutationSpace
from tests.codegen.graphs import cells, chain, leaf, linear, model
from tests.zoo.zoo import ZOO, capture


def assert_same(generator: Generator, model: Model) -> None:
    """The generator writes what is written without it, to the order of the names."""
    made, expected = generator.generate(model), generate(model)
    assert made == expected
    assert list(made.state_names.items()) == list(expected.state_names.items())


def draw(base: Model, count: int) -> Iterator[Model]:
    """Random models of the space."""
    space, rng = MutationSpace(base), random.Random(0)
    for _ in range(count):
        yield space.build(space.walk(lambda decision: decision.draw(rng)))


def test_samples_of_a_flat_net() -> None:
    """Each sample of a space is written as if it were the only one."""
    generator = Generator()
    for sample in draw(convert(define_digits(nn, model_wrapper)(), torch.randn(2, 1, 8, 8)), 60):
        assert_same(generator, sample)


def test_samples_of_cells() -> None:
    """The same with cells whose structure is new each time, beside others that are not."""
    generator = Generator()
    for sample in draw(convert(Darts(4), frontend="fx"), 12):
        assert_same(generator, sample)


def test_models_that_have_nothing_in_common() -> None:
    """One generator writes any models one after the other, and again."""
    generator = Generator()
    graphs = [capture(animal).model for animal in ZOO[:20]]
    for graph in (*graphs, *graphs):
        assert_same(generator, graph)


def test_edited_models() -> None:
    """What was kept on a graph does not outlive an edit."""
    generator = Generator()
    base = cells(chain("block", "Block", {"fc": linear(3, 3)}), chain("other", "Block", {"fc": linear(3, 4)}))
    assert_same(generator, base)
    fork = base.fork()
    node = next(iter(fork.graph("block").nodes))
    node.update_operation(linear(3, 5))
    fork.graph("other").add_module("more", "torch.nn.ReLU", [fork.graph("other").inputs[0]])
    for each in (fork, base, fork):
        assert_same(generator, each)


def test_a_name_that_is_imported_this_time() -> None:
    """A variable has another name where a class is imported under the one that it had before."""

    def make(*types: str) -> Model:
        graph = Graph("Net", "Net")
        value = graph.add_input("x")
        for index, type in enumerate(types):
            value = graph.add_module(f"layer{index}", type, [value]).output
        first = graph.add(Function("aten::relu"), [value]).output
        first.variable = "sample"
        graph.set_result(graph.add(Function("aten::add"), [first, first]).output)
        return model(graph)

    generator = Generator()
    assert_same(generator, make("torch.nn.ReLU", "torch.nn.ReLU"))
    assert_same(generator, make("random.sample", "torch.nn.ReLU"))
    assert_same(generator, make("torch.nn.ReLU", "random.sample"))


def test_classes_of_one_name() -> None:
    """What was imported under its own name in one module has another in the next, where that is taken."""

    def make(*names: str) -> Model:
        modules = [Module(name, (Symbol(name),)) for name in names]
        return cells(*(chain(f"b{i}", f"B{i}", {"part": part}) for i, part in enumerate(modules)))

    generator = Generator()
    for names in (("one.Block", "two.Block"), ("two.Block",), ("two.Block", "one.Block"), ("one.Block",)):
        assert_same(generator, make(*names))


def test_classes_in_forward() -> None:
    """The same for a class that is used in forward."""

    def make(*names: str) -> Model:
        graphs = []
        for index, name in enumerate(names):
            graph = Graph(f"b{index}", "Block")
            value = graph.add_input("x")
            graph.set_result(graph.add(Function("python::call"), [Symbol(name), value]).output)
            graphs.append(graph)
        return cells(*graphs)

    generator = Generator()
    for names in (("one.run", "two.run"), ("two.run",), ("two.run", "one.run"), ("one.run",)):
        assert_same(generator, make(*names))


def test_settings_are_looked_at_each_time() -> None:
    """A sample that cannot be is refused however often, and whatever was written before."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, nn.ValueChoice([4, 0], label="width"))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x)  # type: ignore[no-any-return]  # modules return Any

    space = MutationSpace(convert(Net(), torch.randn(2, 4)))
    generator = Generator()
    assert_same(generator, space.build({"width": 4}))
    for _ in range(2):
        with pytest.raises(GenerationError, match="positive"):
            generator.generate(space.build({"width": 0}))


def test_copies_begin_anew() -> None:
    """A generator is copied and pickled without what it keeps."""
    base = cells(chain("block", "Block", {"fc": leaf("ReLU")}))
    generator = Generator()
    assert_same(generator, base)
    for twin in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert_same(twin, base)
