"""Values that are remembered."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from retix.errors import SpaceError, StoreError
from retix.measures import Making, Measurer
from retix.measures.measurer import Latest
from tests.measures.test_catalogue import Depth

MADE: list[str] = []


def make(name: str = "Net") -> Making:
    """How a small network is made; notes that it was asked for."""
    MADE.append(name)
    return Making(name, lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.zeros(2, 4))


def test_a_network_is_measured_once() -> None:
    """Equal digests share their values, and a model serves several measures."""
    MADE.clear()
    measurer = Measurer([Depth()], None)
    assert measurer.measure("a", "parameters", make) == 15
    assert measurer.measure("a", "flops", make) == 24
    assert measurer.measure("a", "depth", make) == 3
    assert MADE == ["Net"]
    measurer.measure("b", "parameters", make)
    assert MADE == ["Net", "Net"]


def test_a_value_can_be_given() -> None:
    """What is remembered is not measured."""
    measurer = Measurer((), None)
    measurer.remember("a", "latency", 0.25)
    assert measurer.measure("a", "latency", make) == 0.25


def test_noise_is_said_once() -> None:
    """Proxies of models without data warn, once; costs need no data."""
    measurer = Measurer((), None)
    measurer.measure("a", "memory", make)
    with pytest.warns(UserWarning, match="noise"):
        measurer.measure("a", "naswot", make)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measurer.measure("b", "grad_norm", make)


def test_unknown_names() -> None:
    """An unknown name lists those there are."""
    with pytest.raises(SpaceError, match="there is no measure 'accuracy'") as caught:
        Measurer([Depth()], None).measure("a", "accuracy", make)
    assert "depth" in str(caught.value)


def test_copies_measure_for_themselves() -> None:
    """A pickle has the user's measures, and none of the values."""
    measurer = Measurer([Depth(2.0)], None)
    measurer.remember("a", "depth", 7.0)
    assert pickle.loads(pickle.dumps(measurer)).measure("a", "depth", make) == 6.0


def test_what_is_measured_once_is_kept(tmp_path: Path) -> None:
    """Latencies are in the file, and no counts, which come out alike; a later measurer takes them from there."""
    path, measurer = tmp_path / "measured.jsonl", Measurer((), None)
    before = measurer.measure("a", "latency", make)
    measurer.keep(path)
    after = measurer.measure("b", "latency", make)
    measurer.measure("a", "parameters", make)
    assert len(path.read_text().splitlines()) == 2
    with path.open("a") as file:
        file.write('["c", "lat')
    MADE.clear()
    later = Measurer((), None)
    later.keep(path)
    assert [later.measure(digest, "latency", make) for digest in "ab"] == [before, after]
    assert MADE == []


def test_a_file_that_cannot_be_kept(tmp_path: Path) -> None:
    """A folder where the file should be, or none, is an error that names the place."""
    measurer = Measurer((), None)
    with pytest.raises(StoreError, match="cannot be read"):
        measurer.keep(tmp_path)
    measurer.keep(tmp_path / "missing" / "measured.jsonl")
    with pytest.raises(StoreError, match="cannot be kept"):
        measurer.remember("a", "latency", 1.0)


def test_only_the_latest_are_kept() -> None:
    """What was used least recently goes first."""
    latest: Latest[str, int] = Latest(2)
    latest.put("a", 1)
    latest.put("b", 2)
    assert latest.get("a") == 1
    latest.put("c", 3)
    assert (latest.get("a"), latest.get("b"), latest.get("c")) == (1, None, 3)
