"""Search an architecture for handwritten digits: 1,797 real scans of 8x8 pixels, which scikit-learn brings along.

Run it by `make run`. It writes `runs/best_model.py` and `runs/best_model.safetensors`.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import retix.evaluator.pytorch.lightning as pl
import retix.nn.pytorch as nn
from retix import RetiariiExeConfig, RetiariiExperiment, serialize
from retix.strategy import RegularizedEvolution

RUNS = Path(__file__).parent.parent / "runs"


class Net(nn.Module):
    """A stem, two blocks, a choice of which of the three outputs go on, and a head: 9,288 models in one."""

    def __init__(self):
        super().__init__()
        width = nn.ValueChoice([16, 24, 32, 48], label="width")
        hidden = nn.ValueChoice([32, 64, 128], label="hidden")
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        convs = [nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 5, padding=2)]
        self.block1 = nn.LayerChoice([*convs, nn.Identity()], label="block1")
        depthwise = [nn.Conv2d(width, width, 3, padding=1, groups=width), nn.Conv2d(width, width, 1)]
        bottleneck = [nn.Conv2d(width, width // 2, 1), nn.ReLU(), nn.Conv2d(width // 2, width, 1)]
        self.block2 = nn.LayerChoice(
            {
                "conv": nn.Conv2d(width, width, 3, padding=1),
                "depthwise": nn.Sequential(*depthwise),
                "bottleneck": nn.Sequential(*bottleneck),
            },
            label="block2",
        )
        self.skip = nn.InputChoice(n_candidates=3, n_chosen=None, label="skip")
        self.pool = nn.LayerChoice([nn.MaxPool2d(2), nn.AvgPool2d(2)], label="pool")
        self.act = nn.LayerChoice({"relu": nn.ReLU(), "gelu": nn.GELU(), "silu": nn.SiLU()}, label="act")
        self.fc = nn.Linear(width * 16, hidden)
        self.dropout = nn.Dropout(nn.ValueChoice([0.0, 0.2, 0.4], label="dropout"))
        self.head = nn.Linear(hidden, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        first = F.relu(self.block1(x))
        second = F.relu(self.block2(first))
        x = self.pool(self.skip([x, first, second]))
        x = self.act(self.fc(x.flatten(1)))
        return self.head(self.dropout(x))


class Digits(TensorDataset):
    """The digits, scaled to [0, 1]; every fifth is for validation."""

    def __init__(self, train):
        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
        chosen = (torch.arange(len(images)) % 5 != 0) == train
        super().__init__(images[chosen], torch.tensor(digits.target)[chosen])


def main():
    evaluator = pl.Classification(
        learning_rate=3e-3,
        train_dataloaders=pl.DataLoader(serialize(Digits, train=True), batch_size=64, shuffle=True),
        val_dataloaders=pl.DataLoader(serialize(Digits, train=False), batch_size=360),
        max_epochs=12,
    )
    exp = RetiariiExperiment(Net(), evaluator, [], RegularizedEvolution(population_size=10, sample_size=4, seed=1))
    config = RetiariiExeConfig("local", max_trial_number=24, trial_concurrency=2)
    config.experiment_working_directory = RUNS
    exp.run(config)

    table = Table("rank", "trial", "accuracy", "choices", title="top 3")
    for rank, trial in enumerate(exp.top_trials(3), 1):
        table.add_row(str(rank), str(trial.id), f"{trial.metric:.4f}", str(trial.sample.to_json()))
    Console().print(table)
    best = exp.top_trials(1)[0]
    for name in ("model.py", "model.safetensors"):
        shutil.copy(exp.directory(best) / name, RUNS / f"best_{name}")
    (RUNS / "best_accuracy.txt").write_text(f"{best.metric}\n")
    # -I -S leaves out every place that retix could be imported from; the script refuses to run where it still can be
    script = Path(__file__).with_name("reproduce.py")
    subprocess.run([sys.executable, "-I", "-S", script, sysconfig.get_path("purelib")], check=True)


if __name__ == "__main__":
    main()
