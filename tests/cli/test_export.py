from __future__ import annotations

import json
from pathlib import Path

import pytest

from retix.space import Sample
from retix.store import Store
from retix.trial import Trial, TrialState
from tests.cli.conftest import Run


def export(run: Run, root: Path, id: str, out: Path, *more: str) -> tuple[int, str]:
    """Export the two best trials; return the code and what was said on stderr."""
    result = run("export", id, "--top", "2", "--out", out, "--dir", root, *more)
    return result.code, result.err


def test_the_best_models_are_written(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """Each of the best has a folder with its source, its weights if they were kept, and where it comes from."""
    out = tmp_path / "out"
    result = run("export", id, "--top", "2", "--out", out, "--dir", root)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [str(out / "1-trial-2"), str(out / "2-trial-1")]
    assert sorted(path.name for path in out.iterdir()) == ["1-trial-2", "2-trial-1"]
    first, second = out / "1-trial-2", out / "2-trial-1"
    assert (first / "model.py").read_text() == "model = 2\n"
    assert (first / "model.safetensors").read_bytes() == b"weights of 2"
    assert sorted(path.name for path in second.iterdir()) == ["meta.json", "model.py"]
    assert json.loads((second / "meta.json").read_text()) == {
        "experiment": id,
        "name": "digits",
        "trial": 1,
        "optimize_mode": "maximize",
        "sample": {"conv": "1", "width": 16},
        "metric": 0.75,
        "metrics": {"default": 0.75, "loss": 0.5},
        "versions": {"python": "3.11.7", "retix": "0.1.0", "torch": "2.13.0"},
    }


def test_without_out_the_folder_is_named_after_the_experiment(
    run: Run, root: Path, id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the best model lands below the current directory."""
    monkeypatch.chdir(tmp_path)
    assert run("export", id, "--dir", root).out == f"retix-{id}/1-trial-2\n"
    assert (tmp_path / f"retix-{id}" / "1-trial-2" / "model.py").is_file()


def test_nothing_is_overwritten(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """If one of the folders holds something, none is written."""
    kept = tmp_path / "2-trial-1" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    code, err = export(run, root, id, tmp_path)
    assert code == 1
    assert "is there already" in err
    assert "--force" in err
    assert not (tmp_path / "1-trial-2").exists()
    assert list(kept.parent.iterdir()) == [kept]


def test_force_replaces(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """With --force the model's files are replaced, and weights that are not this model's do not stay."""
    folder = tmp_path / "2-trial-1"
    folder.mkdir()
    for name in ("model.py", "model.safetensors", "mine.txt"):
        (folder / name).write_text("old")
    assert export(run, root, id, tmp_path, "--force") == (0, "")
    assert (folder / "model.py").read_text() == "model = 1\n"
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "mine.txt", "model.py"]


def test_a_file_in_the_way_is_not_removed(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """A file where a folder has to be stays, even with --force."""
    (tmp_path / "1-trial-2").write_text("mine")
    code, err = export(run, root, id, tmp_path, "--force")
    assert (code, "no directory" in err) == (1, True)
    assert (tmp_path / "1-trial-2").read_text() == "mine"


def test_fewer_than_asked_is_said(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """If fewer trials succeeded, those are written, and a line says so."""
    result = run("export", id, "--top", "5", "--out", tmp_path / "out", "--dir", root)
    assert result.code == 0
    assert "only 2 of 5" in result.err


@pytest.mark.parametrize(
    ("state", "message"), [(TrialState.WAITING, "nothing to export"), (TrialState.SUCCEEDED, "gone")]
)
def test_what_is_not_there_is_not_exported(
    run: Run, root: Path, tmp_path: Path, state: TrialState, message: str
) -> None:
    """Without a result, or without the source of one, there is an error and no folder."""
    with Store.create(root, name="", optimize_mode="maximize", config={}, versions={}) as store:
        store.add_trial(Trial(1, Sample(), state, {"default": 1.0}))
    result = run("export", store.id, "--out", tmp_path / "out", "--dir", root)
    assert (result.code, message in result.err) == (1, True)
    assert not (tmp_path / "out").exists()
