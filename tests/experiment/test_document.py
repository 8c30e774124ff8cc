"""The examples of Retiarii's document, in `examples/retiarii_document.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from retix.store import ExperimentState, StoreReader, list_experiments
from retix.trial import TrialState

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "retiarii_document.py"


def test_the_examples_of_the_document_run(tmp_path: Path) -> None:
    """They end with four trained models and print the source of the best."""
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "class Net(nn.Module):" in done.stdout
    (info,) = list_experiments(tmp_path / "retix-experiments")
    assert (info.name, info.state) == ("digits_search", ExperimentState.DONE)
    trials = StoreReader(tmp_path / "retix-experiments" / info.id).trials()
    assert sum(trial.state is TrialState.SUCCEEDED for trial in trials) == 4
    assert not any(trial.state is TrialState.FAILED for trial in trials)
    assert all(set(trial.sample) >= {"hidden_dim"} for trial in trials)


def test_nothing_but_the_name_of_the_package_changed() -> None:
    """What the document's users type stands in the example as it is."""
    text = EXAMPLE.read_text()
    for line in (
        "import retix.nn.pytorch as nn",
        "import retix.strategy as strategy",
        "import retix.evaluator.pytorch.lightning as pl",
        "self.input_switch = nn.InputChoice(n_chosen=1)",
        "train_dataloader=pl.DataLoader(train_dataset, batch_size=100),",
        "val_dataloaders=pl.DataLoader(test_dataset, batch_size=100),",
        "search_strategy = strategy.Random(dedup=True)",
        "exp_config.training_service.use_active_gpu = False",
    ):
        assert line in text
