"""The parts of random spaces: how each is built of `retix.nn.pytorch`, and what it means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch

import retix.nn.pytorch as nn
from tests.spaces.layers import Bottleneck, Branches, Celled, Chain, Scale, Twice, Unit
from tests.spaces.symbol import Answers, Lazy, Term, layer, module, subsets
from tests.spaces.values import Value


@dataclass(frozen=True)
class At:
    """Where a part stands.

    Attributes:
        path: Its path in the model.
        first: The path of the part that this one is a deep copy of, or its own: automatic labels are made of it.
    """

    path: str
    first: str

    def __truediv__(self, name: object) -> At:
        return At(f"{self.path}.{name}", f"{self.first}.{name}")


class Part(ABC):
    """A part of a space."""

    @abstractmethod
    def build(self) -> torch.nn.Module:
        """The module."""

    @abstractmethod
    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        """What the module computes under some answers."""

    def run(self, x: Lazy, at: At, answers: Answers) -> Term:
        """The same, as a part of what the model computes: modules that are no layers have a graph of their own."""
        return module(at.path, x, lambda inner: self.compute(inner, at, answers))

    def then(self, x: Lazy, at: At, answers: Answers) -> Lazy:
        """The same, once it is needed."""
        return Lazy(lambda: self.run(x, at, answers))

    def parts(self) -> Iterator[Part]:
        """Yield this part and all in it."""
        yield self
        for value in vars(self).values():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Part):
                    yield from item.parts()


class Bare(Part):
    """A part that has no graph of its own: a layer, or a choice of one."""

    def run(self, x: Lazy, at: At, answers: Answers) -> Term:
        return self.compute(x, at, answers)


@dataclass(frozen=True)
class Leaf(Bare):
    """A layer; ``value`` is its open argument."""

    number: int
    value: Value | None = None

    def build(self) -> torch.nn.Module:
        return Unit(self.number) if self.value is None else Unit(self.number, value=self.value.make())

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        value = 0 if self.value is None else self.value.evaluate(answers, f"{at.first}.value")
        return layer((self.number, value), at.path, x)


@dataclass(frozen=True)
class Norm(Bare):
    """A layer of torch's that behaves differently in training."""

    number: int

    def build(self) -> torch.nn.Module:
        return nn.BatchNorm1d(4, eps=self.number / 1024)

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        return layer(("norm", self.number), at.path, x)


@dataclass(frozen=True)
class Width(Part):
    """Two layers that share the number of features between them."""

    width: Value

    def build(self) -> torch.nn.Module:
        return Bottleneck(self.width.make())

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        width = self.width.evaluate(answers, f"{at.first}.down.out_features")
        down = Lazy(lambda: layer(("down", width), f"{at.path}.down", x))
        return layer(("up", width), f"{at.path}.up", down)


@dataclass(frozen=True)
class Factor(Part):
    """A value that forward calls."""

    factor: Value

    def build(self) -> torch.nn.Module:
        return Scale(self.factor.make())

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        return ("times", self.factor.evaluate(answers, f"{at.first}.factor"), x.get())


@dataclass(frozen=True)
class Steps(Part):
    """Parts one behind the other, in torch's Sequential or a list."""

    steps: tuple[Part, ...]
    is_sequential: bool

    def build(self) -> torch.nn.Module:
        made = [step.build() for step in self.steps]
        return nn.Sequential(*made) if self.is_sequential else Chain(made)

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        inner = at if self.is_sequential else at / "steps"
        for index, step in enumerate(self.steps):
            x = step.then(x, inner / index, answers)
        return x.get()


@dataclass(frozen=True)
class Doubled(Part):
    """A module that is called twice."""

    body: Part

    def build(self) -> torch.nn.Module:
        return Twice(self.body.build())

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        once = self.body.then(x, at / "body", answers)
        return ("add", x.get(), self.body.run(once, at / "body", answers))


@dataclass(frozen=True)
class Layers(Bare):
    """A layer choice; with names if they are given."""

    candidates: tuple[Part, ...]
    label: str | None
    names: tuple[str, ...]

    def build(self) -> torch.nn.Module:
        made = [candidate.build() for candidate in self.candidates]
        if self.names[0] == "0":
            return nn.LayerChoice(made, label=self.label)
        return nn.LayerChoice(dict(zip(self.names, made, strict=True)), label=self.label)

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        name = answers.ask(self.label or at.first, self.names)
        return self.candidates[self.names.index(name)].run(x, at / name, answers)


@dataclass(frozen=True)
class Inputs(Part):
    """An input choice among the input and branches; each branch takes the input or an earlier branch's output."""

    branches: tuple[Part, ...]
    sources: tuple[int, ...]
    n_chosen: int
    reduction: str
    label: str | None

    def build(self) -> torch.nn.Module:
        n_chosen = None if self.n_chosen == -1 else self.n_chosen
        choose = nn.InputChoice(len(self.branches) + 1, n_chosen, self.reduction, label=self.label)
        return Branches([branch.build() for branch in self.branches], self.sources, choose)

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        values = [x]
        for index, (source, branch) in enumerate(zip(self.sources, self.branches, strict=True)):
            values.append(branch.then(values[source], at / "branches" / index, answers))
        chosen = answers.ask(self.label or f"{at.first}.choose", subsets(len(values), self.n_chosen))
        taken = tuple(values[index].get() for index in chosen)
        return taken[0] if len(taken) == 1 else (self.reduction, *taken)


@dataclass(frozen=True)
class Repeated(Part):
    """A repeat; of copies of one block, or of blocks of its own for each place."""

    blocks: tuple[Part, ...]
    is_copied: bool
    depth: Value | tuple[int, int]
    label: str | None

    def build(self) -> torch.nn.Module:
        depth = self.depth.make() if isinstance(self.depth, Value) else self.depth
        if self.is_copied:
            return nn.Repeat(self.blocks[0].build(), depth, label=self.label)
        return nn.Repeat(lambda index: self.blocks[index].build(), depth, label=self.label)

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        if isinstance(self.depth, Value):
            depth = self.depth.evaluate(answers, f"{at.first}.depth")
        else:
            least, most = self.depth
            depth = answers.ask(self.label or at.first, tuple(range(least, most + 1))) if least < most else most
        for index in range(depth):
            first = 0 if self.is_copied else index
            x = self.blocks[first].then(x, At(f"{at.path}.{index}", f"{at.first}.{first}"), answers)
        return x.get()


@dataclass(frozen=True)
class Cells(Part):
    """A cell; its first input comes from ``body``."""

    body: Part
    ops: tuple[Part, ...]
    num_nodes: int
    per_node: int
    num_inputs: int
    loose: bool
    label: str | None

    def build(self) -> torch.nn.Module:
        ops = [op.build() for op in self.ops]
        merge = "loose_end" if self.loose else "all"
        cell = nn.Cell(ops, self.num_nodes, self.per_node, self.num_inputs, merge, label=self.label)
        return Celled(self.body.build(), cell)

    def compute(self, x: Lazy, at: At, answers: Answers) -> Term:
        values = [self.body.then(x, at / "body", answers), x][: self.num_inputs]
        return ("fold", module(f"{at.path}.cell", values, lambda *inner: self._run_cell(inner, at / "cell", answers)))

    def _run_cell(self, inputs: tuple[Lazy, ...], at: At, answers: Answers) -> Term:
        label, values, count = self.label or at.first, list(inputs), len(inputs)
        taken: set[int] = set()
        for node in range(count, count + self.num_nodes):
            done = []
            for k in range(self.per_node):
                (source,) = answers.ask(f"{label}/input_{node}_{k}", subsets(node, 1))
                name = answers.ask(f"{label}/op_{node}_{k}", tuple(map(str, range(len(self.ops)))))
                place = At(f"{at.path}.ops.{node - count}.{k}.{name}", f"{at.first}.ops.0.0.{name}")
                done.append(self.ops[int(name)].then(values[source], place, answers))
                taken.add(source)
            values.append(Lazy(lambda done=tuple(done): _sum(done)))
        ends = [index for index in range(count, len(values)) if not self.loose or index not in taken]
        return ("cat", *(values[index].get() for index in ends))


def _sum(values: tuple[Lazy, ...]) -> Term:
    return values[0].get() if len(values) == 1 else ("sum", *(value.get() for value in values))
