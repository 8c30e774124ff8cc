"""A script in the style of NNI 2.10: `Repeat`, values, a LightningModule, and the best model built again."""

import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import retix as nni
import retix.evaluator.pytorch as pl
import retix.nn.pytorch as nn
from retix import fixed_arch, model_wrapper
from retix.experiment.pytorch import RetiariiExeConfig, RetiariiExperiment
from retix.strategy import RegularizedEvolution


@model_wrapper
class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Linear(64, 16)
        self.body = nn.Repeat(lambda index: nn.Sequential(nn.Linear(16, 16), nn.ReLU()), (1, 3), label="depth")
        self.dropout = nn.Dropout(nn.ValueChoice([0.1, 0.2], label="dropout"))
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        return self.head(self.dropout(self.body(self.stem(x.flatten(1)))))


@nni.trace
class DigitsModule(pl.LightningModule):
    def __init__(self, learning_rate=0.01):
        super().__init__()
        self.learning_rate = learning_rate

    def training_step(self, batch, batch_idx):
        x, y = batch
        return nn.functional.cross_entropy(self.model(x), y)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("accuracy", (self.model(x).argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)

    def on_validation_epoch_end(self):
        nni.report_intermediate_result(self.trainer.callback_metrics["accuracy"].item())

    def on_fit_end(self):
        nni.report_final_result(self.trainer.callback_metrics["accuracy"].item())


if __name__ == "__main__":
    digits = load_digits()
    dataset = nni.trace(TensorDataset)(torch.tensor(digits.images).float()[:256], torch.tensor(digits.target)[:256])
    evaluator = pl.Lightning(
        DigitsModule(0.02),
        pl.Trainer(max_epochs=1, enable_progress_bar=False),
        train_dataloaders=pl.DataLoader(dataset, batch_size=64),
        val_dataloaders=pl.DataLoader(dataset, batch_size=64),
    )
    exp = RetiariiExperiment(Net(), evaluator, [], RegularizedEvolution(population_size=2, sample_size=2, cycles=4))
    exp_config = RetiariiExeConfig("local")
    exp_config.trial_concurrency = 1
    exp_config.max_trial_number = 2
    exp_config.trial_gpu_number = 0
    exp.run(exp_config)
    (best,) = exp.export_top_models(formatter="dict")
    print("best:", best)
    with fixed_arch(best):
        model = Net()
    print("blocks:", len(model.body) == best["depth"], model.dropout.p == best["dropout"])
