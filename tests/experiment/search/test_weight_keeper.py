"""Whose weights stay."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from retix.errors import StoreError
from retix.experiment.search.weight_keeper import WeightKeeper, weights_key
from retix.objective import Objective, Objectives
from retix.space import Sample
from retix.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState, WeightsAddress
from retix.weights import WeightStore


class Breeder(Strategy):
    """Says itself which trials may become parents."""

    def __init__(self, parents: Iterable[int] = ()) -> None:
        super().__init__(seed=0)
        self.parents = frozenset(parents)

    @property
    def inherits_weights(self) -> bool:
        return True

    def possible_parents(self) -> frozenset[int]:
        return self.parents

    def ask(self) -> Proposal | None:
        return None

    @property
    def exhausted(self) -> bool:
        return True


@pytest.fixture(params=["directory", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> WeightStore:
    """A store of each kind."""
    return WeightStore(tmp_path if request.param == "directory" else f"memory://{uuid.uuid4().hex}")


def write(store: WeightStore, *ids: int) -> None:
    """What workers write: weights, and a file."""
    for id in ids:
        store.put(weights_key(id), {"a": torch.ones(id)})
        store.put_file(f"{weights_key(id)}/notes", b"n" * id)


def succeed(id: int, metric: float = 0.0, **fields: Any) -> Trial:
    """A trial that has ended with a result."""
    return Trial(id, Sample(), TrialState.SUCCEEDED, {"default": metric}, **fields)


def left(keeper: WeightKeeper, store: WeightStore) -> list[int]:
    """Whose weights are left, each with its file, once the keeper is done."""
    keeper.close()
    keys = store.keys()
    found = sorted(int(key.split("/")[1]) for key in keys if key.endswith("/model"))
    assert sorted(keys) == sorted(key for id in found for key in (weights_key(id), f"{weights_key(id)}/notes"))
    return found


@pytest.mark.parametrize(
    ("count", "maximize", "kept"),
    [(2, True, [2, 4]), (2, False, [1, 3]), (1, True, [2]), (9, True, [1, 2, 3, 4]), (0, True, [])],
)
def test_the_best_are_kept(store: WeightStore, count: int, maximize: bool, kept: list[int]) -> None:
    """Both ways of being better are understood, and of equals the earlier is kept; files go with the weights."""
    keeper = WeightKeeper(count, maximize, store.url)
    for id, metric in enumerate([0.1, 0.9, 0.5, 0.9], 1):
        write(store, id)
        keeper.trial_ended(succeed(id, metric))
        keeper.sweep()
    assert left(keeper, store) == kept


def test_the_size_is_known(store: WeightStore) -> None:
    """The size counts what is kept, with its files, and not what was deleted."""
    keeper = WeightKeeper(2, True, store.url)
    assert keeper.size == 0
    for id in (1, 2, 3):
        write(store, id)
        keeper.trial_ended(succeed(id, id))
        keeper.sweep()
    keeper.close()
    assert keeper.size == sum(store.sizes().values()) > 0


def test_only_results_keep_weights(store: WeightStore) -> None:
    """A trial that failed or was stopped keeps nothing, whatever it had written."""
    keeper = WeightKeeper(5, True, store.url)
    write(store, 1, 2, 3)
    keeper.trial_ended(Trial(1, Sample(), TrialState.STOPPED))
    keeper.trial_ended(succeed(2))
    keeper.trial_ended(Trial(3, Sample(), TrialState.FAILED, {"default": 9.0}))
    keeper.sweep()
    assert left(keeper, store) == [2]


def test_nothing_goes_before_the_sweep(store: WeightStore) -> None:
    """What led to a deletion can be durable before it."""
    keeper = WeightKeeper(1, True, store.url)
    write(store, 1, 2)
    keeper.trial_ended(succeed(1, 0.1))
    keeper.trial_ended(succeed(2, 0.2))
    assert left(keeper, store) == [1, 2]


def test_possible_parents_keep_theirs(store: WeightStore) -> None:
    """Whom the strategy may breed from keeps its weights, until it may no more."""
    strategy = Breeder({1, 2})
    keeper = WeightKeeper(0, True, store.url, strategy=strategy)
    write(store, 1, 2, 3)
    for id in (1, 2, 3):
        keeper.trial_ended(succeed(id))
    keeper.sweep()
    assert keeper.address(1) is not None
    strategy.parents = frozenset({2})
    keeper.trial_ended(succeed(4))
    keeper.sweep()
    assert left(keeper, store) == [2]


def test_waiting_children_hold_their_parent(store: WeightStore) -> None:
    """As long as a child that inherits waits or runs, its parent's weights stay; the last child lets them go."""
    keeper = WeightKeeper(0, True, store.url, strategy=Breeder())
    write(store, 1)
    for id in (2, 3):
        keeper.trial_proposed(Trial(id, Sample(), parent=1, inherit=True))
    keeper.trial_proposed(Trial(4, Sample(), parent=1))
    for id in (1, 4, 2):
        keeper.trial_ended(succeed(id, parent=None if id == 1 else 1))
        keeper.sweep()
    assert store.exists(weights_key(1))
    keeper.trial_ended(succeed(3, parent=1, inherit=True))
    keeper.sweep()
    assert left(keeper, store) == []


def test_a_duplicate_has_the_weights_of_its_original(store: WeightStore) -> None:
    """A duplicate that becomes a parent keeps its original's weights, and its address is theirs."""
    strategy = Breeder({5})
    keeper = WeightKeeper(0, True, store.url, strategy=strategy)
    write(store, 1)
    keeper.trial_ended(Trial(5, Sample(), TrialState.DUPLICATE, {"default": 1.0}, duplicate_of=1))
    keeper.trial_ended(succeed(1))
    keeper.sweep()
    assert keeper.address(5) == WeightsAddress(store.url, "trials/1/model")
    strategy.parents = frozenset()
    keeper.trial_proposed(Trial(6, Sample(), parent=5, inherit=True))
    keeper.trial_ended(succeed(7))
    keeper.sweep()
    assert keeper.address(5) == WeightsAddress(store.url, "trials/1/model")
    keeper.trial_ended(succeed(6, parent=5, inherit=True))
    keeper.sweep()
    assert left(keeper, store) == []


def test_what_an_earlier_driver_left(store: WeightStore) -> None:
    """A resume keeps what is needed by what it has replayed, and what it has yet to tell; all else goes."""
    write(store, *range(1, 9))
    store.put("own/notes", {})
    keeper = WeightKeeper(2, True, store.url, strategy=Breeder({3}))
    for id in (1, 2, 3, 4):
        keeper.trial_ended(succeed(id, -id))
    keeper.trial_proposed(Trial(7, Sample(), parent=5, inherit=True))
    keeper.clean(spare=[8])
    assert store.exists("own/notes")
    store.delete("own/notes")
    keeper.close()
    assert keeper.size == sum(store.sizes().values())
    assert left(keeper, store) == [1, 2, 3, 5, 8]


def test_little_is_remembered(tmp_path: Path) -> None:
    """What is held does not grow with the number of trials, duplicates and children."""
    strategy = Breeder()
    keeper = WeightKeeper(3, True, tmp_path, strategy=strategy)
    for id in range(1, 500):
        strategy.parents = frozenset({id})
        keeper.trial_proposed(Trial(id, Sample(), parent=max(1, id - 1), inherit=True))
        duplicate = {"duplicate_of": id - 1} if id % 2 == 0 else {}
        keeper.trial_ended(succeed(id, float(id % 50), parent=max(1, id - 1), inherit=True, **duplicate))
        keeper.sweep()
    sizes = [len(value) for value in vars(keeper).values() if isinstance(value, (dict, list, set))]
    assert max(sizes) <= 5


def test_a_trial_that_never_had_a_directory_is_no_problem(tmp_path: Path) -> None:
    """A model that could not be built leaves nothing to delete, and no directory is made for it."""
    keeper = WeightKeeper(1, True, tmp_path / "w")
    keeper.trial_ended(Trial(1, Sample(), TrialState.FAILED))
    keeper.sweep()
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_a_trial_stay(tmp_path: Path) -> None:
    """Where the experiment's directory is the store, what else is in a trial's folder is not touched."""
    store = WeightStore(tmp_path)
    write(store, 1)
    (tmp_path / "trials/1/model.py").touch()
    (tmp_path / "trials/1/.model.safetensors.abc.tmp").touch()
    keeper = WeightKeeper(1, True, tmp_path)
    keeper.trial_ended(Trial(1, Sample(), TrialState.FAILED))
    keeper.sweep()
    assert [path.name for path in (tmp_path / "trials/1").iterdir()] == ["model.py"]


def test_weights_that_cannot_be_deleted(tmp_path: Path) -> None:
    """The search goes on, is warned once, and tries again with the next sweep."""
    store = WeightStore(tmp_path)
    write(store, 1)
    file = tmp_path / "trials/1/model.safetensors"
    file.unlink()
    file.mkdir()
    keeper = WeightKeeper(0, True, tmp_path)
    keeper.trial_ended(succeed(1))
    with pytest.warns(RuntimeWarning, match="trial 1 cannot be deleted"):
        keeper.sweep()
    keeper.trial_ended(succeed(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keeper.sweep()
    file.rmdir()
    keeper.trial_ended(succeed(3))
    keeper.sweep()
    assert store.keys() == []


@pytest.mark.parametrize(
    ("count", "strategy", "keeps"), [(0, None, False), (1, None, True), (0, Breeder(), True), (0, Breeder([1]), True)]
)
def test_workers_learn_where_weights_go(tmp_path: Path, count: int, strategy: Strategy | None, keeps: bool) -> None:
    """Where nobody keeps any and nobody inherits, none need be written."""
    keeper = WeightKeeper(count, True, tmp_path, strategy=strategy)
    assert keeper.keeps_any is keeps
    assert keeper.target(3) == (WeightsAddress(str(tmp_path), "trials/3/model") if keeps else None)
    assert keeper.address(3) is None


def test_a_store_that_cannot_be_asked(tmp_path: Path) -> None:
    """Then the address is where the weights should be; whoever reads them will see."""
    (tmp_path / "w").touch()
    keeper = WeightKeeper(1, True, tmp_path / "w")
    assert keeper.address(3) == WeightsAddress(str(tmp_path / "w"), "trials/3/model")


def test_a_place_that_is_none() -> None:
    """A URL that nobody understands is refused before a search begins."""
    with pytest.raises(StoreError, match="no store of weights at nonsense://x"):
        WeightKeeper(1, True, "nonsense://x")


def test_the_front_keeps_its_weights(store: WeightStore) -> None:
    """With several objectives the best trials are those of the front, the least crowded of them first."""
    aims = Objectives([Objective(), Objective("size", "minimize")])
    keeper = WeightKeeper(3, True, store.url, objectives=aims)
    for id, (metric, size) in enumerate([(0.9, 9.0), (0.8, 9.5), (0.1, 1.0), (0.5, 5.0), (0.51, 5.1)], 1):
        write(store, id)
        keeper.trial_ended(Trial(id, Sample(), TrialState.SUCCEEDED, {"default": metric, "size": size}))
        keeper.sweep()
    assert left(keeper, store) == [1, 3, 4]
