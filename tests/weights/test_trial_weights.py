"""What a trial may keep, and read of its parent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retix.errors import EvaluationError, StoreError
from retix.weights import TrialWeights, WeightStore, current, using


def test_outside_of_a_trial() -> None:
    """There is nothing to give outside, and the error says where there is."""
    with pytest.raises(EvaluationError, match="outside of a trial"):
        current()


def test_from_father_to_child(tmp_path: Path) -> None:
    """What the father puts is what the child reads, by the same name."""
    store = WeightStore(tmp_path)
    father = TrialWeights(store, "trials/1/model")
    child = TrialWeights(store, "trials/2/model", "trials/1/model", 1, store)
    father.put_file("random.bin", b"data")
    store.put("trials/1/model", {"a": torch.ones(2)})
    assert father.get_file("random.bin") == b"data"
    assert child.parent_file("random.bin") == b"data"
    assert child.load_parent()["a"].tolist() == [1, 1]
    with pytest.raises(StoreError, match=r"random\.bin"):
        child.get_file("random.bin")
    with pytest.raises(StoreError, match="no key"):
        child.parent_file("../../2/model")


def test_the_context(tmp_path: Path) -> None:
    """Inside the block it is what was given; blocks may be nested."""
    outer, inner = TrialWeights(WeightStore(tmp_path), "a"), TrialWeights()
    with using(outer):
        with using(inner):
            assert current() is inner
        assert current() is outer


def test_without_a_store() -> None:
    """Where no weights are kept, files cannot be; where there is no parent, it cannot be read."""
    weights = TrialWeights()
    with pytest.raises(EvaluationError, match="keeps no weights"):
        weights.put_file("x", b"")
    with pytest.raises(EvaluationError, match="inherits from no other"):
        weights.load_parent()
    assert weights.parent is None
