from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from retix.errors import StoreError
from retix.weights import load_weights, save_weights


def test_round_trip(tmp_path: Path) -> None:
    """What is saved loads with the same names, types and values."""
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.bfloat16)}
    save_weights(state, tmp_path / "w.safetensors")
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) and loaded[name].dtype == state[name].dtype for name in state)


def test_tied_weights_are_stored_under_every_name(tmp_path: Path) -> None:
    """A module with tied weights loads back with strict names."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 4)
            self.head = nn.Linear(4, 5, bias=False)
            self.head.weight = self.embed.weight

    model, other = Tied(), Tied()
    save_weights(model.state_dict(), tmp_path / "w.safetensors")
    other.load_state_dict(load_weights(tmp_path / "w.safetensors"), strict=True)
    assert torch.equal(other.embed.weight, model.embed.weight)


def test_views_of_one_memory_are_stored_apart(tmp_path: Path) -> None:
    """Overlapping and non-contiguous views keep their own values."""
    base = torch.arange(12.0).reshape(3, 4)
    state = {"whole": base, "row": base[1], "turned": base.t(), "strided": base[:, ::2]}
    save_weights(state, tmp_path / "w.safetensors")
    loaded = load_weights(tmp_path / "w.safetensors")
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_empty_tensors_and_empty_state(tmp_path: Path) -> None:
    """Tensors without elements, and a model without parameters, are saved too."""
    save_weights({"a": torch.empty(0, 3), "b": torch.empty(0)}, tmp_path / "w.safetensors")
    assert load_weights(tmp_path / "w.safetensors")["a"].shape == (0, 3)
    save_weights({}, tmp_path / "none.safetensors")
    assert load_weights(tmp_path / "none.safetensors") == {}


def test_parameters_that_require_grad(tmp_path: Path) -> None:
    """Parameters are saved without their history."""
    save_weights({"p": nn.Parameter(torch.ones(2))}, tmp_path / "w.safetensors")
    assert not load_weights(tmp_path / "w.safetensors")["p"].requires_grad


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "str"),
        (torch.empty(2, device="meta"), "meta tensor"),
        (torch.eye(2).to_sparse(), "sparse tensor"),
    ],
)
def test_what_cannot_be_saved_is_named(tmp_path: Path, value: object, kind: str) -> None:
    """An entry that is no dense tensor is refused by name, and nothing is left on the disk."""
    with pytest.raises(StoreError, match=f"'x'.*{kind}"):
        save_weights({"x": value}, tmp_path / "w.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """If the file cannot be put in place, what was there stays and no temporary file remains."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreError, match="taken"):
        save_weights({"a": torch.ones(1)}, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist is named."""
    with pytest.raises(StoreError, match="nowhere"):
        save_weights({"a": torch.ones(1)}, tmp_path / "nowhere" / "w.safetensors")


def test_saving_replaces(tmp_path: Path) -> None:
    """A second save replaces the first one and leaves only the file."""
    save_weights({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    save_weights({"a": torch.ones(1)}, tmp_path / "w.safetensors")
    assert load_weights(tmp_path / "w.safetensors")["a"].item() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_loading_what_is_not_there(tmp_path: Path) -> None:
    """A missing file and a damaged one are told apart."""
    with pytest.raises(StoreError, match="no weights at"):
        load_weights(tmp_path / "w.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(StoreError, match="cannot be read"):
        load_weights(tmp_path / "bad.safetensors")
