"""A script in the style of NNI 2.1: a trainer, mutators that find nodes by type string, `RandomStrategy`."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import retix.evaluator.pytorch.lightning as pl
import retix.nn.pytorch as nn
import retix.strategy as strategy
from retix import Mutator
from retix.experiment.pytorch import RetiariiExeConfig, RetiariiExperiment


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()  # noqa: UP008  # as scripts of the time did
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = x.mean([2, 3])
        return self.fc(x)


class KernelMutator(Mutator):
    """Chooses the kernel of the convolutions that keep the number of channels."""

    def mutate(self, model):
        for node in model.get_nodes_by_type("__torch__.torch.nn.modules.conv.Conv2d"):
            parameters = node.operation.parameters
            if parameters["in_channels"] == parameters["out_channels"]:
                size = self.choice([1, 3, 5])
                node.update_operation(
                    "__torch__.torch.nn.modules.conv.Conv2d",
                    {**parameters, "kernel_size": size, "padding": size // 2},
                )


if __name__ == "__main__":
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    data = TensorDataset(images[:256], torch.tensor(digits.target)[:256])

    base_model = Net()
    trainer = pl.Classification(
        train_dataloader=pl.DataLoader(data, batch_size=64, shuffle=True),
        val_dataloaders=pl.DataLoader(data, batch_size=64),
        max_epochs=1,
        gpus=0,
        progress_bar_refresh_rate=0,
    )
    simple_strategy = strategy.RandomStrategy()
    exp = RetiariiExperiment(base_model, trainer, [KernelMutator()], simple_strategy)

    exp_config = RetiariiExeConfig("local")
    exp_config.experiment_name = "digits_search"
    exp_config.trial_concurrency = 1
    exp_config.max_trial_number = 2
    exp_config.training_service.use_active_gpu = False
    exp.run(exp_config)
    print("best:", exp.export_top_models(formatter="code")[0])
