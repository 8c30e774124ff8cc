"""Recorded loaders, and a look at their first batch that nobody notices."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.data
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, RandomSampler

from retix.evaluator.loader import DataLoader, read_first_input, untouched_loaders
from retix.recipe import dumps, loads, recipe_of, serialize
from tests.evaluator.samples import Signs, make_loader


class Noise(Dataset[Any]):
    """Draws from every random number generator."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Tensor:
        return torch.rand(3) + random.random() + np.random.rand()


class Stream(IterableDataset[Any]):
    """Batches of pairs without a length."""

    def __iter__(self) -> Iterator[Any]:
        yield from ((torch.full((3,), float(i)), i) for i in range(4))


def draw() -> list[float]:
    """A number from each generator, which are left as they were found."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = [random.random(), float(np.random.rand()), float(torch.rand(()))]
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    return drawn


def test_a_loader_is_a_torch_loader() -> None:
    """Recorded loaders pass for what they are, and remember their arguments."""
    loader = make_loader()
    assert isinstance(loader, torch.utils.data.DataLoader)
    recipe = recipe_of(loader)
    assert recipe is not None
    assert recipe.bound()["batch_size"] == 4


def test_a_loader_is_made_again_with_its_dataset() -> None:
    """A serialized dataset is made again, not copied."""
    loader = DataLoader(serialize(Signs, 1000), batch_size=10)
    data = dumps(loader)
    assert len(data) < 1000
    again = loads(data)
    assert len(again) == 100
    assert torch.equal(again.dataset.x, loader.dataset.x)  # type: ignore[attr-defined]  # a dataset of these tests


def test_the_first_input_is_cut_to_two_samples() -> None:
    """The look returns two samples of the first batch, not a view of the data."""
    loader = make_loader()
    inputs = read_first_input(loader)
    assert inputs is not None
    (x,) = inputs
    assert torch.equal(x, Signs(12).x[:2])
    x.zero_()
    assert torch.equal(loader.dataset.x, Signs(12).x)  # type: ignore[attr-defined]  # a dataset of these tests


@pytest.mark.parametrize(
    ("batches", "shapes"),
    [
        ([(torch.zeros(1, 3), torch.zeros(1))], [(1, 3)]),
        ([[torch.zeros(5, 3), torch.zeros(5)]], [(2, 3)]),
        ([torch.zeros(5, 3)], [(2, 3)]),
        ([(torch.tensor(1.0), 0)], [()]),
    ],
)
def test_any_iterable_of_batches_serves(batches: list[Any], shapes: list[Any]) -> None:
    """Lists of batches serve as loaders; a bare tensor is all input."""
    inputs = read_first_input(batches)
    assert inputs is not None
    assert [tuple(x.shape) for x in inputs] == shapes


def test_nested_inputs_are_cut_inside() -> None:
    """A model of several inputs in one list or dict gets all of them cut."""
    inputs = read_first_input([([torch.zeros(5), {"a": torch.zeros(5, 2)}, "text"], 0)])
    assert inputs is not None
    first, second, text = inputs[0]
    assert (tuple(first.shape), tuple(second["a"].shape), text) == ((2,), (2, 2), "text")


@pytest.mark.parametrize("loader", [None, [], [{"x": torch.zeros(2)}], [()], iter([(torch.zeros(2), 0)])])
def test_no_inputs(loader: Any) -> None:
    """Without a batch, with one of unknown meaning, or where looking would take it away, there are none."""
    assert read_first_input(loader) is None
    if isinstance(loader, Iterator):
        assert len(list(loader)) == 1


def test_an_iterable_dataset_serves() -> None:
    """A stream is read from its start each time."""
    loader = DataLoader(Stream(), batch_size=3)
    for _ in range(2):
        inputs = read_first_input(loader)
        assert inputs is not None
        assert inputs[0][:, 0].tolist() == [0.0, 1.0]


def test_looking_draws_no_random_numbers() -> None:
    """The generators of Python, numpy and torch go on as if nobody had looked."""
    expected = draw()
    assert read_first_input(DataLoader(Noise(), batch_size=2, shuffle=True)) is not None
    assert draw() == expected


@pytest.mark.parametrize("where", ["loader", "sampler"])
def test_looking_does_not_change_the_shuffling(where: str) -> None:
    """A loader that shuffles by a generator of its own gives the same epochs with and without a look."""

    def read_epoch(look: bool) -> list[float]:
        generator = torch.Generator().manual_seed(3)
        shuffled: dict[str, Any] = {"shuffle": True, "generator": generator}
        if where == "sampler":
            shuffled = {"sampler": RandomSampler(Signs(8), generator=generator)}
        loader = DataLoader(Signs(8), batch_size=2, **shuffled)
        if look:
            read_first_input(loader)
        return [float(value) for x, _ in loader for value in x[:, 0]]

    assert read_epoch(look=True) == read_epoch(look=False)


def test_looking_leaves_running_workers_alone() -> None:
    """A loader in the middle of an epoch, with workers that persist, goes on where it was."""
    loader = DataLoader(Signs(8), batch_size=2, num_workers=1, persistent_workers=True)
    batches = iter(loader)
    next(batches)
    assert read_first_input(loader) is not None
    assert loader.num_workers == 1
    assert torch.equal(next(batches)[0], Signs(8).x[2:4])
    assert len(list(batches)) == 2


def test_generators_are_put_back() -> None:
    """After the block loaders shuffle as before it, in lists and dicts of loaders too."""
    generators = [torch.Generator().manual_seed(number) for number in range(3)]
    loaders = [make_loader(shuffle=True, generator=generator) for generator in generators]
    states = [generator.get_state() for generator in generators]
    with untouched_loaders(loaders[0], [loaders[1], {"other": loaders[2]}], None):
        for loader in loaders:
            list(loader)
    assert all(torch.equal(g.get_state(), state) for g, state in zip(generators, states, strict=True))
