"""The store of weights, on a directory and in memory."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem

from retix.errors import StoreError
from retix.weights import WeightStore, load_weights

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.bfloat16)}


@pytest.fixture(params=["directory", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> WeightStore:
    """A store of each kind."""
    urls = {"directory": tmp_path / "w", "file": f"file://{tmp_path}/w", "memory": f"memory://{uuid.uuid4().hex}/w"}
    return WeightStore(urls[request.param])


def raw(store: WeightStore, key: str) -> tuple[Any, Any]:
    """How to read and write the bytes of an object behind the store's back."""
    if store.is_local:
        path = Path(store.url.removeprefix("file://"), f"{key}.safetensors")
        return path.read_bytes, path.write_bytes
    path = f"{store.url.removeprefix('memory:/')}/{key}.safetensors"
    return lambda: MemoryFileSystem().cat_file(path), lambda data: MemoryFileSystem().pipe_file(path, data)


def test_round_trip(store: WeightStore) -> None:
    """Names, types, values and metadata come back."""
    store.put("trials/7/model", STATE, {"trial": "7", "note": 'quote " and ü'})
    found = store.get("trials/7/model")
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) and found[name].dtype == STATE[name].dtype for name in STATE)
    assert store.metadata("trials/7/model") == {"trial": "7", "note": 'quote " and ü'}
    assert store.size("trials/7/model") == len(raw(store, "trials/7/model")[0]())


def test_an_empty_state(store: WeightStore) -> None:
    """A model without parameters is stored too."""
    store.put("m", {})
    assert store.get("m") == {}
    assert store.metadata("m") == {}


def test_the_file_is_plain_safetensors(tmp_path: Path) -> None:
    """In a directory the key is the file's name, and any reader of safetensors reads it."""
    WeightStore(tmp_path).put("trials/7/model", STATE)
    assert torch.equal(load_weights(tmp_path / "trials/7/model.safetensors")["a"], STATE["a"])


@pytest.mark.parametrize("data", [b"", b"\x00\xff text", os.urandom(100_000)])
def test_files(store: WeightStore, data: bytes) -> None:
    """Bytes come back as they were."""
    store.put_file("trials/7/model/notes.bin", data)
    assert store.get_file("trials/7/model/notes.bin") == data
    assert store.keys() == ["trials/7/model/notes.bin"]


def test_files_and_tensors_are_told_apart(store: WeightStore) -> None:
    """Each is read by its own method; the error says by which."""
    store.put("tensors", STATE)
    store.put_file("file", b"x")
    with pytest.raises(StoreError, match="read it by get_file"):
        store.get("file")
    with pytest.raises(StoreError, match="read it by get"):
        store.get_file("tensors")


def test_putting_again_replaces(store: WeightStore) -> None:
    """The last write counts, and one object is left."""
    store.put("m", {"a": torch.zeros(1000)})
    store.put("m", {"a": torch.ones(2)})
    assert store.get("m")["a"].tolist() == [1, 1]
    assert store.keys() == ["m"]


def test_keys_sizes_delete(store: WeightStore) -> None:
    """Keys are listed by prefix; deleting takes one object or all below a key, and is content with nothing."""
    assert store.keys("trials/") == []
    for key in ("trials/1/model", "trials/1/model/x", "trials/1/model/deep/y", "trials/10/model", "other"):
        store.put(key, STATE)
    assert store.keys() == ["other", "trials/1/model", "trials/1/model/deep/y", "trials/1/model/x", "trials/10/model"]
    assert store.keys("trials/1/") == ["trials/1/model", "trials/1/model/deep/y", "trials/1/model/x"]
    assert store.keys("trials/1") == [*store.keys("trials/1/"), "trials/10/model"]
    assert store.sizes("oth") == {"other": store.size("other")}
    store.delete_below("trials/1/model")
    assert store.keys("trials/1/") == ["trials/1/model"]
    store.delete("trials/1/model")
    store.delete("trials/1/model")
    store.delete_below("trials/1/model")
    assert store.keys() == ["other", "trials/10/model"]
    assert not store.exists("trials/1/model")


def test_nothing_there(store: WeightStore) -> None:
    """What is not there is said to be so."""
    assert not store.exists("trials/7/model")
    for ask in (store.get, store.get_file, store.metadata, store.size):
        with pytest.raises(StoreError, match="no weights under 'trials/7/model'"):
            ask("trials/7/model")


@pytest.mark.parametrize(
    "key", ["", "/etc/x", "../x", "a/../b", "a//b", "a/", ".hidden", "-x", "a\\b", "m.safetensors", "ü"]
)
def test_keys_that_are_none(store: WeightStore, key: str) -> None:
    """No key leads out of the store, hides, or doubles the suffix."""
    for act in (
        lambda: store.put(key, {}),
        lambda: store.get(key),
        lambda: store.delete(key),
        lambda: store.exists(key),
    ):
        with pytest.raises(StoreError, match="is no key"):
            act()


@pytest.mark.parametrize("harm", ["cut", "empty", "tensor", "name", "metadata", "no checksum", "length"])
def test_damage_is_refused(store: WeightStore, harm: str) -> None:
    """A half object and one with any changed byte are refused, not loaded."""
    store.put("m", STATE, {"note": "value"})
    read, write = raw(store, "m")
    content = bytearray(read())
    match harm:
        case "cut":
            del content[-3:]
        case "empty":
            content.clear()
        case "tensor":
            content[-1] ^= 1
        case "name":
            content = content.replace(b'"a"', b'"z"')
        case "metadata":
            content = content.replace(b"value", b"VALUE")
        case "no checksum":
            content = content.replace(b"retix_sha256", b"retix_sha255")
        case "length":
            content[7] = 0x7F
    write(bytes(content))
    with pytest.raises(StoreError, match="damaged"):
        store.get("m")


@pytest.mark.parametrize("count", [0, 5, 60, -1])
def test_half_an_object_does_not_exist(store: WeightStore, count: int) -> None:
    """What is not whole yet is not there for `exists` and `wait`, and has no metadata to show."""
    store.put("m", STATE)
    read, write = raw(store, "m")
    write(read()[:count])
    assert not store.exists("m")
    with pytest.raises(StoreError, match="did not come"):
        store.wait("m", 0.02)
    with pytest.raises(StoreError, match="damaged"):
        store.metadata("m")


def test_a_long_header(store: WeightStore) -> None:
    """Models of very many tensors have headers longer than what is read at first."""
    store.put("m", {f"layers.{i}.weight": torch.ones(1) for i in range(3000)}, {"note": "x"})
    assert store.exists("m")
    assert store.metadata("m") == {"note": "x"}
    assert len(store.get("m")) == 3000


def test_waiting(store: WeightStore) -> None:
    """A reader that waits goes on as soon as another thread has written."""
    writer = threading.Timer(0.1, store.put, ("m", STATE))
    writer.start()
    store.wait("m", 30)
    assert store.exists("m")
    writer.join()
    begin = time.monotonic()
    with pytest.raises(StoreError, match=r"'other' did not come within 0.1 s"):
        store.wait("other", 0.1)
    assert time.monotonic() - begin >= 0.1


def test_names_of_the_stores_own(store: WeightStore) -> None:
    """Metadata cannot pose as the store's."""
    with pytest.raises(StoreError, match="retix_sha256"):
        store.put("m", {}, {"retix_sha256": "0"})


def test_a_tensor_named_like_the_checksum(store: WeightStore) -> None:
    """Names and texts that look like the checksum do not confuse it."""
    state = {"retix_sha256": torch.ones(1), '"retix_sha256":"': torch.zeros(2)}
    store.put("m", state, {"note": '"retix_sha256":"' + "0" * 64})
    assert store.get("m").keys() == state.keys()


def test_what_cannot_be_stored(store: WeightStore) -> None:
    """An entry that is no dense tensor is refused by name, and nothing is written."""
    with pytest.raises(StoreError, match=r"'x'.*meta tensor"):
        store.put("m", {"x": torch.empty(2, device="meta")})
    assert store.keys() == []


def test_unknown_places() -> None:
    """A URL that fsspec does not know is refused with what to do."""
    with pytest.raises(StoreError, match="no store of weights at nonsense://x"):
        WeightStore("nonsense://x").exists("m")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of the directory is named, for writing, reading and listing."""
    (tmp_path / "w").write_text("")
    store = WeightStore(tmp_path / "w")
    with pytest.raises(StoreError, match="written"):
        store.put("a/m", STATE)
    with pytest.raises(StoreError, match="written"):
        store.check()
    assert store.keys() == []


def test_a_place_that_is_in_order(store: WeightStore) -> None:
    """A check leaves nothing behind, and touches nothing."""
    store.put("m", STATE)
    store.check()
    assert store.keys() == ["m"]


def test_pickled(tmp_path: Path) -> None:
    """A store travels as its URL and options."""
    store = WeightStore(tmp_path)
    store.put("m", STATE)
    again = pickle.loads(pickle.dumps(store))
    assert again.url == store.url
    assert again.keys() == ["m"]


def test_relative_and_home_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path means the same after the working directory has changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert WeightStore("w").url == str(tmp_path / "w")
    assert WeightStore("~/w").url == str(tmp_path / "home/w")


def put_many(url: str, key: str, count: int) -> None:
    """Writes one key again and again, each time with tensors of one value."""
    store = WeightStore(url)
    for value in range(count):
        store.put(key, {"a": torch.full((20_000,), float(value))})


def test_readers_never_see_half(tmp_path: Path) -> None:
    """While other processes write the same key, each read gives one of the written values, whole."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put_many, args=(str(tmp_path), "m", 40)) for _ in range(2)]
    store = WeightStore(tmp_path)
    for writer in writers:
        writer.start()
    store.wait("m", 60)
    reads = 0
    while any(writer.is_alive() for writer in writers):
        tensor = store.get("m")["a"]
        assert tensor.min() == tensor.max()
        reads += 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert reads > 0
    assert store.get("m")["a"].tolist() == [39.0] * 20_000
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]
