"""The contract of `Engine`, held against a cluster of three nodes, with and without a folder that all of them share."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from retix.errors import ConfigError, ExecutionError
from retix.execution import RayEngine
from tests.execution import test_engine as contract
from tests.execution.jobs import make_job, return_metric


@pytest.fixture(scope="module", params=["together", "apart"])
def engine(request: pytest.FixtureRequest) -> RayEngine:
    """The engines in turn."""
    engine: RayEngine = request.getfixturevalue(request.param)
    return engine


# Every test of the contract that takes an engine, with the engine above.
globals().update(
    {
        name: test
        for name, test in vars(contract).items()
        if name.startswith("test_") and "engine" in inspect.signature(test).parameters
    }
)


def test_a_closed_engine(apart: RayEngine, tmp_path: Path) -> None:
    """Closing twice is closing once; a closed engine takes no job, and closed no other's connection."""
    with RayEngine(1) as engine:
        engine.close()
        engine.close()
        assert (engine.capacity, engine.free) == (0, 0)
        assert engine.events(0.0) == []
        with pytest.raises(ExecutionError, match="this one is closed"):
            engine.submit(make_job(tmp_path, return_metric))
        with pytest.raises(ExecutionError, match="closed engine"):
            engine.resize(2)
    assert apart.capacity == 3
    assert apart.events(0.0) == []


@pytest.mark.parametrize("numbers", [{"concurrency": 0}, {"threads": 0}, {"gpus_per_trial": -1}, {"trials_per_gpu": 0}])
def test_numbers_without_meaning(numbers: dict[str, int]) -> None:
    """A number that is too small is named, before anything is connected."""
    with pytest.raises(ConfigError, match=f"{next(iter(numbers))} is "):
        RayEngine(**{"concurrency": 1, **numbers})
