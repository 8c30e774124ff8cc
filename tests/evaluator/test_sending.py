"""Evaluators made in one process and used in another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

DRIVER = """
    import sys

    import torch
    from torch import nn
    from torch.utils.data import Dataset, TensorDataset

    import retix.evaluator.pytorch.lightning as pl
    from retix.evaluator import Evaluator, FunctionalEvaluator, report_final_result
    from retix.recipe import dumps, serialize, trace


    class Stripes(Dataset):
        def __init__(self, size, transform=None):
            self.size, self.transform = size, transform

        def __len__(self):
            return self.size

        def __getitem__(self, index):
            x = torch.full((4,), float(index % 2))
            return self.transform(x) if self.transform else x, index % 2


    class Shift:
        def __init__(self, by):
            self.by = by

        def __call__(self, x):
            return x - self.by


    @trace
    class Module(pl.ClassificationModule):
        def __init__(self, learning_rate):
            super(Module, self).__init__(learning_rate=learning_rate)


    class Weighing(Evaluator):
        def __init__(self, factor):
            self.factor = factor

        def evaluate(self, model_cls):
            report_final_result(self.factor * sum(p.numel() for p in model_cls().parameters()))


    def weigh(model_cls, factor):
        return factor * sum(p.numel() for p in model_cls().parameters())


    def load(dataset):
        return pl.DataLoader(dataset, batch_size=4)


    by_recipe = load(serialize(Stripes, 8, transform=serialize(Shift, 0.5)))
    by_value = load(TensorDataset(torch.eye(4), torch.arange(4) % 2))
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu")
    quick = {"max_epochs": 1, "accelerator": "cpu"}
    evaluators = {
        "recipe": pl.Classification(train_dataloaders=by_recipe, val_dataloaders=by_recipe, **quick),
        "value": pl.Classification(train_dataloaders=by_value, val_dataloaders=by_value, **quick),
        "module": pl.Lightning(Module(0.1), trainer, by_recipe, by_recipe),
        "class": Weighing(2),
        "function": FunctionalEvaluator(weigh, factor=3),
    }
    for name, evaluator in evaluators.items():
        open(f"{name}.bin", "wb").write(dumps(evaluator))
"""

WORKER = """
    import json
    import sys
    from pathlib import Path

    from torch import nn

    from retix.evaluator import reporting
    from retix.recipe import loads


    class Listener:
        def intermediate(self, metrics):
            return True

        def final(self, metrics):
            self.metrics = dict(metrics)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 2)

        def forward(self, x):
            return self.linear(x)


    results = {}
    for path in sorted(Path().glob("*.bin")):
        evaluator = loads(path.read_bytes())
        listener = Listener()
        for _ in range(2):
            with reporting(listener):
                evaluator.evaluate(Net)
        inputs = evaluator.example_inputs()
        results[path.stem] = [listener.metrics, inputs and inputs[0].flatten().tolist()]
    print(json.dumps(results))
"""


def run(script: str, directory: Path) -> str:
    """What a script prints in a process of its own."""
    path = directory / "script.py"
    path.write_text(textwrap.dedent(script))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_evaluators_work_in_a_fresh_process(tmp_path: Path) -> None:
    """Datasets by recipe and by value, and everything that a script defines in `__main__`, arrive whole."""
    run(DRIVER, tmp_path)
    results = json.loads(run(WORKER, tmp_path))
    assert {name: sorted(metrics) for name, (metrics, _) in results.items()} == {
        "recipe": ["default", "val_acc", "val_loss"],
        "value": ["default", "val_acc", "val_loss"],
        "module": ["default", "val_acc", "val_loss"],
        "class": ["default"],
        "function": ["default"],
    }
    assert results["class"][0]["default"] == 20
    assert results["function"][0]["default"] == 30
    assert results["recipe"][1] == [-0.5] * 4 + [0.5] * 4
    assert results["value"][1] == [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    assert results["function"][1] is None
