from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from safetensors.torch import load_file

from retix.experiment.search.seeding import seed_of_trial
from retix.space import Sample
from retix.store import Store
from retix.trial import Trial, TrialState
from retix.weights import WeightStore
from tests.cli.conftest import SOURCE, Run


def export(run: Run, root: Path, id: str, out: Path, *more: str) -> tuple[int, str]:
    """Export the two best trials without a check; return the code and what was said on stderr."""
    result = run("export", id, "--top", "2", "--out", out, "--dir", root, "--no-check", *more)
    return result.code, result.err


def test_the_best_models_are_written_and_checked(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """Each of the best has a folder with its source, its weights if they were kept, and a check of them."""
    out = tmp_path / "out"
    result = run("export", id, "--top", "2", "--out", out, "--dir", root)
    first, second = out / "1-trial-2", out / "2-trial-1"
    assert result.code == 0, result.err
    assert result.out.splitlines() == [str(first), str(second)]
    assert "1-trial-2: checked: 2 tensors loaded, outputs equal to within 0.0e+00" in result.err
    assert "2-trial-1: checked: it can be built; no weights were kept" in result.err
    assert sorted(path.name for path in first.iterdir()) == ["meta.json", "model.py", "model.safetensors"]
    assert (first / "model.py").read_text() == SOURCE.format(width=2)
    kept = WeightStore(root / id).get("trials/2/model")
    assert {name: tensor.tolist() for name, tensor in load_file(first / "model.safetensors").items()} == {
        name: tensor.tolist() for name, tensor in kept.items()
    }
    assert sorted(path.name for path in second.iterdir()) == ["meta.json", "model.py"]
    assert json.loads((second / "meta.json").read_text()) == {
        "experiment": id,
        "name": "digits",
        "trial": 1,
        "optimize_mode": "maximize",
        "sample": {"conv": "1", "width": 16},
        "metric": 0.75,
        "metrics": {"default": 0.75, "loss": 0.5},
        "parent": None,
        "entry": "Net",
        "seeds": {"strategy": 7, "trial": seed_of_trial(7, 1)},
        "versions": {"python": "3.11.7", "retix": "0.1.0", "torch": "2.13.0"},
        "state": {},
        "check": {
            "ok": True,
            "text": "it can be built; no weights were kept",
            "needs_retix": False,
            "tensors": 0,
            "compared": 0,
            "difference": 0.0,
        },
    }
    meta = json.loads((first / "meta.json").read_text())
    assert meta["state"]["layer.weight"] == {"shape": [2, 4], "dtype": "float32", "base": None}
    assert meta["check"]["compared"] == 1


def test_without_out_the_folder_is_named_after_the_experiment(
    run: Run, root: Path, id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the best model lands below the current directory."""
    monkeypatch.chdir(tmp_path)
    assert run("export", id, "--dir", root, "--no-check").out == f"retix-{id}/1-trial-2\n"
    assert (tmp_path / f"retix-{id}" / "1-trial-2" / "model.py").is_file()


def test_one_trial_is_chosen_by_its_id(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """Any trial can be taken out; a duplicate is the model of the trial whose result it carries."""
    result = run("export", id, "--trial", "3", "--out", tmp_path, "--dir", root, "--json", "--no-check")
    assert json.loads(result.out) == [{"path": str(tmp_path / "1-trial-3"), "trial": 3, "check": None}]
    assert (tmp_path / "1-trial-3" / "model.py").read_text() == SOURCE.format(width=2)
    assert (tmp_path / "1-trial-3" / "model.safetensors").is_file()
    assert "no trial 9" in run("export", id, "--trial", "9", "--out", tmp_path, "--dir", root).err


def test_onnx(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """The ONNX file computes what the model does, from the inputs that were recorded."""
    onnx_reference = pytest.importorskip("onnx.reference")
    result = run("export", id, "--out", tmp_path, "--dir", root, "--onnx", "--no-check")
    assert (result.code, result.err) == (0, "")
    session = onnx_reference.ReferenceEvaluator(str(tmp_path / "1-trial-2" / "model.onnx"))
    weights = load_file(tmp_path / "1-trial-2" / "model.safetensors")
    (name,) = session.input_names
    (found,) = session.run(None, {name: numpy.ones((3, 4), dtype=numpy.float32)})
    wanted = weights["layer.weight"].sum(1) + weights["layer.bias"]
    assert numpy.allclose(found, wanted.expand(3, 2).numpy(), atol=1e-6)


def test_a_model_that_is_not_what_was_trained(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """A model whose outputs hang on more than its weights is found out: code 1, and meta.json says so."""
    hidden = SOURCE.format(width=2).replace("self.layer(x)", "self.layer(x) + self.noise")
    hidden = hidden.replace("nn.Linear(4, 2)", "nn.Linear(4, 2)\n        self.noise = torch.randn(1)")
    (root / id / "trials/2/model.py").write_text(hidden)
    result = run("export", id, "--out", tmp_path, "--dir", root)
    assert result.code == 1
    assert "1-trial-2: NOT AS IT SHOULD BE: in a clean interpreter: AssertionError" in result.err
    assert json.loads((tmp_path / "1-trial-2" / "meta.json").read_text())["check"]["ok"] is False


def test_damaged_weights_are_not_exported(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """Weights that are not what was written are refused, before a folder is made."""
    path = root / id / "trials/2/model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    result = run("export", id, "--out", tmp_path / "out", "--dir", root)
    assert result.code == 1
    assert "weights" in result.err
    assert not (tmp_path / "out").exists()


def test_a_link_out_of_the_experiment_is_not_followed(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """What lies elsewhere is not taken for a trial's source or weights."""
    secret = tmp_path / "secret"
    secret.write_text("mine")
    for name in ("model.py", "model.safetensors"):
        path = root / id / "trials/2" / name
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(secret)
        result = run("export", id, "--out", tmp_path / "out", "--dir", root, "--no-check")
        assert (result.code, "leads out of its experiment" in result.err) == (1, True)
        assert not (tmp_path / "out").exists()
        path.unlink()
        path.write_bytes(kept)


def test_what_others_could_have_written_is_not_run(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """A check runs the source, so that it is refused where somebody else may write it; a mere copy is not."""
    (root / id / "trials/2/model.py").chmod(0o666)
    result = run("export", id, "--out", tmp_path / "a", "--dir", root)
    assert (result.code, "cannot be trusted" in result.err) == (1, True)
    assert run("export", id, "--out", tmp_path / "b", "--dir", root, "--no-check").code == 0


def test_an_exported_folder_stands_alone(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """It loads where there is no retix, by four lines of torch."""
    out = tmp_path / "out"
    run("export", id, "--out", out, "--dir", root, "--no-check")
    shutil.rmtree(root)
    code = (
        "import sys; sys.modules['retix'] = None; sys.path.insert(0, '.')\n"
        "from model import Net; from safetensors.torch import load_file\n"
        "net = Net(); net.load_state_dict(load_file('model.safetensors')); print(net)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=out / "1-trial-2", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "out_features=2" in done.stdout


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
    for name in ("model.py", "model.safetensors", "model.onnx", "mine.txt"):
        (folder / name).write_text("old")
    assert export(run, root, id, tmp_path, "--force") == (0, "")
    assert (folder / "model.py").read_text() == SOURCE.format(width=1)
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "mine.txt", "model.py"]


def test_a_file_in_the_way_is_not_removed(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """A file where a folder has to be stays, even with --force."""
    (tmp_path / "1-trial-2").write_text("mine")
    code, err = export(run, root, id, tmp_path, "--force")
    assert (code, "no directory" in err) == (1, True)
    assert (tmp_path / "1-trial-2").read_text() == "mine"


def test_fewer_than_asked_is_said(run: Run, root: Path, id: str, tmp_path: Path) -> None:
    """If fewer trials succeeded, those are written, and a line says so."""
    result = run("export", id, "--top", "5", "--out", tmp_path / "out", "--dir", root, "--no-check")
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
