"""Search an architecture together with the learning rate, the optimizer, the batch size and the number of epochs.

What suits one network does not suit another: a wide one may want a smaller step, and SGD wants another one than Adam.
So all of it is one space, and each trial decides both. The data are 1,797 scans of digits, which scikit-learn brings
along.

Run it by `python examples/hyperparameters.py`; it takes about half a minute on two cores.
"""

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import retix.evaluator.pytorch.lightning as pl
import retix.nn.pytorch as nn
from retix import RetiariiExeConfig, RetiariiExperiment
from retix.strategy import RegularizedEvolution

RUNS = Path(__file__).parent.parent / "runs"


class Net(nn.Module):
    """An image of 8x8 pixels, one or two hidden layers, ten digits."""

    def __init__(self):
        super().__init__()
        width = nn.ValueRange(16, 128, log=True, points=4, label="width")
        depth = nn.ValueChoice([0, 1], label="depth")
        self.stem = nn.Linear(64, width)
        self.act = nn.LayerChoice({"relu": nn.ReLU(), "gelu": nn.GELU(), "tanh": nn.Tanh()}, label="act")
        self.hidden = nn.Repeat(lambda index: nn.Sequential(nn.Linear(width, width), nn.ReLU()), depth)
        # The label is also one of the evaluator's choices: both are decided together.
        self.dropout = nn.Dropout(nn.ValueRange(0.0, 0.4, step=0.2, label="regularization"))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.dropout(self.hidden(self.act(self.stem(x)))))


def load(part):
    """Every fifth digit is for validation."""
    digits = load_digits()
    images, targets = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    chosen = (torch.arange(len(images)) % 5 != 0) == (part == "train")
    return TensorDataset(images[chosen], targets[chosen])


def make_evaluator():
    """Trains by settings that are decisions of the space."""
    optimizer = nn.ValueChoice([torch.optim.Adam, torch.optim.SGD], label="optimizer")
    # Only one of the two learning rates is alive: the other is neither asked nor counted.
    learning_rate = nn.ValueChoice.condition(
        optimizer == torch.optim.SGD,
        nn.ValueRange(1e-2, 1.0, log=True, points=5, label="sgd_rate"),
        nn.ValueRange(1e-4, 1e-2, log=True, points=5, label="adam_rate"),
    )
    return pl.Classification(
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=nn.ValueRange(0.0, 0.4, step=0.2, label="regularization") * 1e-3,
        train_dataloaders=pl.DataLoader(load("train"), batch_size=nn.ValueChoice([32, 64, 128]), shuffle=True),
        val_dataloaders=pl.DataLoader(load("valid"), batch_size=360),
        max_epochs=nn.ValueRange(2, 6, step=2, label="epochs"),
        gradient_clip_val=nn.ValueChoice([None, 1.0], label="clip"),
    )


def main():
    strategy = RegularizedEvolution(population_size=8, sample_size=4, seed=1)
    experiment = RetiariiExperiment(Net(), make_evaluator(), [], strategy)
    config = RetiariiExeConfig("local", max_trial_number=20, trial_concurrency=2)
    config.experiment_working_directory = RUNS
    experiment.run(config)
    best = experiment.top_trials(1)[0]
    print(f"trial {best.id} has an accuracy of {best.metric:.4f} on the validation data")
    for label, answer in experiment.export_top_models(formatter="dict")[0].items():
        print(f"  {label}: {answer}")
    print(f"its model: {experiment.directory(best) / 'model.py'}")


if __name__ == "__main__":
    main()
