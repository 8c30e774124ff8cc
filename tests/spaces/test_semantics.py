"""What a space means where there are several: models, uses of a class, cells of a notebook, searches, copies."""

from __future__ import annotations

import copy
import itertools
import linecache
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix import ModelSpace, Mutator
from retix.execution import InlineEngine
from retix.experiment import EndReason
from retix.ir import Model
from retix.model_space.loading import build_from_source
from retix.space import Sample
from retix.strategy import GridSearch, Random
from tests.experiment.searching import make_search, make_store, never
from tests.spaces.agreement import assert_builds_agree
from tests.spaces.layers import INPUTS
from tests.spaces.random_nets import make_plans


class Block(nn.Module):
    """A block with choices, one of them labelled if it is asked to."""

    def __init__(self, widths: list[int], label: str | None = None) -> None:
        super().__init__()
        width = nn.ValueChoice(widths, label=label)
        self.down = nn.Linear(4, width)
        self.up = nn.Linear(width, 4)
        self.act = nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(self.act(self.down(x)))


class Two(nn.Module):
    """Two blocks, one behind the other."""

    def __init__(self, first: torch.nn.Module, second: torch.nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: torch.Tensor) -> Any:
        return self.second(self.first(x))


def make_space(net: torch.nn.Module, **arguments: Any) -> ModelSpace:
    """The space of a model, by its graph."""
    return ModelSpace(net, example_inputs=INPUTS, engine="graph", **arguments)


def labels(space: ModelSpace) -> set[str]:
    """The labels of a space."""
    return {decision.label for decision in space.decisions}


# -- several models, and one class several times ----------------------------------------------------------------------


def test_two_models_in_one_process() -> None:
    """Models of one class and with equal labels do not know of each other, in whatever order they are used."""
    nets = [Block([2, 3], "width"), Block([4, 5, 6], "width")]
    spaces = [make_space(net) for net in nets]
    assert [space.size for space in spaces] == [4, 6]
    assert [labels(space) for space in spaces] == [{"width", "act"}] * 2
    for samples in itertools.zip_longest(*(space.grid() for space in spaces)):
        for net, space, sample in zip(nets, spaces, samples, strict=True):
            if sample is not None:
                assert_builds_agree(space, net, sample, INPUTS)
                assert space.python(sample).down.out_features == sample["width"]


def test_one_class_twice_in_a_model() -> None:
    """Without labels each use decides for itself; with a label both do the same; one instance is one decision."""
    own = make_space(Two(Block([2, 3]), Block([2, 3])))
    assert labels(own) == {"first.down.out_features", "first.act", "second.down.out_features", "second.act"}
    assert own.size == 16
    shared = make_space(Two(Block([2, 3], "width"), Block([2, 3], "width")))
    assert labels(shared) == {"width", "first.act", "second.act"}
    assert shared.size == 8
    for sample in shared.grid():
        net = shared.python(sample)
        assert net.first.down.out_features == net.second.down.out_features == sample["width"]
    block = Block([2, 3])
    same = make_space(Two(block, block))
    assert labels(same) == {"first.down.out_features", "first.act"}
    assert same.size == 4
    copied = make_space(Two(block, copy.deepcopy(block)))
    assert copied.size == 4
    for space in (own, shared, same, copied):
        assert len({space.digest(sample) for sample in space.grid()}) == space.size


# -- notebooks --------------------------------------------------------------------------------------------------------

CELLS = (
    """
import torch
import retix.nn.pytorch as nn

SCALE = 3.0

def scale(x):
    return x * SCALE

class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return scale(self.layer(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.op = nn.LayerChoice([Part(), nn.Linear(4, 4)])

    def forward(self, x):
        return self.op(x)

net = Net()
""",
    """
class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return torch.sin(self.layer(x))

other = Net()
""",
)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """Runs a cell in a ``__main__`` of its own, whose lines are in linecache alone; gives that module."""
    main: Any = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run(number: int) -> Any:
        file, text = f"<ipython-input-{number}-spaces>", CELLS[number]
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), vars(main))
        return main

    return run


def test_classes_of_a_notebook(notebook: Callable[[int], Any]) -> None:
    """They are captured, written out and built by Python, also where a later cell defines a class again."""
    net = notebook(0).net
    first = make_space(net)
    for sample in first.grid():
        assert_builds_agree(first, net, sample, INPUTS)
    text = first.source({"op": "0"}).text
    assert "* 3.0" in text
    other = notebook(1).other
    second = make_space(other)
    for space, base in ((second, other), (first, net)):
        for sample in space.grid():
            assert_builds_agree(space, base, sample, INPUTS)
    assert "sin" in second.source({"op": "0"}).text
    assert first.source({"op": "0"}).text == text
    assert first.digest({"op": "0"}) != second.digest({"op": "0"})
    assert first.digest({"op": "1"}) == second.digest({"op": "1"})


# -- choices of both kinds --------------------------------------------------------------------------------------------


class Deepen(Mutator):
    """Puts up to two activations behind the model's input, and its gain depends on how many."""

    def mutate(self, model: Model) -> None:
        for _ in range(self.choice([0, 1, 2])):
            kind = self.choice(["torch.nn.Sigmoid", "torch.nn.ELU"])
            model.root.insert_on(model.root.inputs[0], "extra", kind, {})


def test_inline_choices_with_mutators() -> None:
    """Both kinds of choices make one space; what follows a mutation is built, written and read as ever."""
    net = Block([2, 3], "width")
    space = make_space(net, mutators=[Deepen(), Deepen("again")])
    samples = list(space.grid())
    assert space.size is None
    assert len(samples) == len(set(samples)) == 4 * 7 * 7
    inline = {Sample({label: sample[label] for label in ("width", "act")}) for sample in samples}
    assert inline == set(make_space(net).grid())
    # what the first puts in behind what the second puts in is one and the same order of layers
    chains = {_read_chain(sample) for sample in samples}
    assert len({space.digest(sample) for sample in samples}) == len(inline) * len(chains)
    for sample in samples[::40]:
        model = build_from_source(space.source(sample), net)
        kinds = [type(part).__name__ for part in model.modules() if isinstance(part, torch.nn.Sigmoid | torch.nn.ELU)]
        assert len(kinds) == sample["Deepen/0"] + sample["again/0"]
        assert Sample({k: v for m in space.build(sample).history for k, v in m.choices}) == sample
        assert torch.equal(model.eval()(INPUTS), space.python(sample).eval()(INPUTS)) or sample["width"] == 3


def _read_chain(sample: Sample) -> tuple[Any, ...]:
    first, second = (
        [sample[f"{name}/{index + 1}"] for index in range(sample[f"{name}/0"])] for name in ("Deepen", "again")
    )
    return (*reversed(second), *reversed(first))


# -- several searches -------------------------------------------------------------------------------------------------


def weigh(model_cls: Callable[[], Any]) -> float:
    """The number of parameters, found by running the model."""
    model = model_cls()
    model(INPUTS)
    return float(sum(parameter.numel() for parameter in model.parameters()))


def run_search(space: ModelSpace, folder: Path, seed: int) -> list[Any]:
    """Search a space to its end; gives the samples with their metrics."""
    strategy = GridSearch(seed=seed) if seed % 2 else Random(seed=seed)
    with make_store(folder) as store:
        search, reader = make_search(space, strategy, InlineEngine(), store, weigh)
        assert search.run(never) is EndReason.EXHAUSTED
        return sorted((trial.sample.key, trial.metric) for trial in reader.trials() if trial.duplicate_of is None)


def test_searches_one_after_another_and_at_once(tmp_path: Path) -> None:
    """Searches in one process find what they find alone, one after the other or in threads."""
    plans = make_plans(4, depth=3, most=16)
    alone = [run_search(make_space(plan.make()), tmp_path / "alone", seed) for seed, plan in enumerate(plans)]
    shared = [make_space(plan.make()) for plan in plans]
    found: dict[int, list[Any]] = {}

    def run(number: int) -> None:
        found[number] = run_search(shared[number], tmp_path / "threads", number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(plans))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert [found[number] for number in range(len(plans))] == alone
    networks = [{term for _, term in plan.list_models()} for plan in plans]
    assert [len(trials) for trials in alone] == [len(terms) for terms in networks]


def test_one_space_in_threads() -> None:
    """Several threads that use one space at once get their own models."""
    plan = make_plans(1, least=30)[0]
    space = make_space(plan.make())
    samples = list(space.grid())
    expected = {sample: (space.digest(sample), space.source(sample).text) for sample in samples}
    wrong: list[Sample] = []
    start = threading.Barrier(4)

    def use(mine: list[Sample]) -> None:
        start.wait(timeout=60)
        for sample in mine:
            again = space.walk(lambda decision, sample=sample: sample[decision.label])
            if again != sample or expected[sample] != (space.digest(again), space.source(again).text):
                wrong.append(sample)

    threads = [threading.Thread(target=use, args=(samples[index::4] * 3,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not wrong


# -- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["graph", "py"])
def test_copies_of_a_space(engine: Any) -> None:
    """A deep copy of a space is the same space, and stays it while models of the other are edited."""
    net = Block([2, 3], "width")
    space = ModelSpace(net, example_inputs=INPUTS, engine=engine)
    twin = copy.deepcopy(space)
    assert str(twin) == str(space)
    samples = list(space.grid())
    assert list(twin.grid()) == samples
    texts = [space.source(sample).text for sample in samples]
    if engine == "graph":
        model = space.build(samples[0])
        model.root.insert_on(model.root.inputs[0], "extra", "torch.nn.Sigmoid", {})
        assert model.digest() != space.digest(samples[0])
    with torch.no_grad():
        net.up.bias.add_(1)
    assert [twin.source(sample).text for sample in samples] == texts
    assert [twin.digest(sample) for sample in samples] == [space.digest(sample) for sample in samples]
    assert torch.equal(twin.python(samples[0]).up.bias + 1, space.python(samples[0]).up.bias)


def test_copies_of_a_model() -> None:
    """A deep copy of a model asks the same, and is built with its own weights."""
    net = Block([2, 3])
    twin = copy.deepcopy(net)
    with torch.no_grad():
        twin.up.bias.add_(1)
    spaces = [make_space(net), make_space(twin)]
    assert str(spaces[0]) == str(spaces[1])
    for sample in spaces[0].grid():
        assert spaces[0].digest(sample) == spaces[1].digest(sample)
        for space, base in zip(spaces, (net, twin), strict=True):
            assert_builds_agree(space, base, sample, INPUTS)
