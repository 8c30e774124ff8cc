"""The examples of Retiarii's own document, with `nni.retiarii` replaced by `retix`.

Two things differ: scikit-learn's digits stand in for MNIST, and three small classes for torchvision's transforms.
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import retix.evaluator.pytorch.lightning as pl
import retix.nn.pytorch as nn
import retix.strategy as strategy
from retix import RetiariiExeConfig, RetiariiExperiment, basic_unit, serialize

# -- define base model ------------------------------------------------------------------------------------------------


@basic_unit
class BasicBlock(nn.Module):
    def __init__(self, const):
        super().__init__()
        self.const = const

    def forward(self, x):
        return x + self.const


class ConvPool(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(32, 1, 5)  # possibly mutate this conv
        self.pool = nn.MaxPool2d(kernel_size=2)

    def forward(self, x):
        return self.pool(self.conv(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.convpool = ConvPool()
        self.mymodule = BasicBlock(2.0)

    def forward(self, x):
        return F.relu(self.convpool(self.mymodule(x)))


# -- define model mutations -------------------------------------------------------------------------------------------


class Net(nn.Module):
    """The base model between a stem and a head, with each kind of inline mutation."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 32, kernel_size=nn.ValueChoice([1, 3, 5]), padding="same")
        self.op = BasicBlock(nn.ValueChoice([0, 1]))
        self.layer = nn.LayerChoice([nn.MaxPool2d(3, 1, 1), nn.Conv2d(32, 32, 3, 1, 1), nn.Identity()])
        self.input_switch = nn.InputChoice(n_chosen=1)
        self.model = Model()
        self.net = nn.Sequential(
            nn.Linear(4, nn.ValueChoice([32, 64, 128], label="hidden_dim")),
            nn.ReLU(),
            nn.Linear(nn.ValueChoice([32, 64, 128], label="hidden_dim"), 10),
        )

    def forward(self, x):
        tensor1 = self.conv(x)
        tensor2 = self.op(tensor1)
        tensor3 = self.layer(tensor2)
        out = self.input_switch([tensor1, tensor2, tensor3])
        return self.net(self.model(out).flatten(1))


# -- choose or write a model evaluator --------------------------------------------------------------------------------


class ToTensor:
    def __call__(self, image):
        return torch.tensor(image, dtype=torch.float32).unsqueeze(0) / 16


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, tensor):
        return (tensor - self.mean[0]) / self.std[0]


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image


class Digits(TensorDataset):
    """1,797 scans of 8x8 pixels; every fifth is for testing."""

    def __init__(self, train, transform):
        digits = load_digits()
        chosen = [index for index in range(len(digits.target)) if (index % 5 != 0) == train]
        images = torch.stack([transform(digits.images[index]) for index in chosen])
        super().__init__(images, torch.tensor(digits.target[chosen]))


def main():
    transform = serialize(Compose, [serialize(ToTensor()), serialize(Normalize, (0.1307,), (0.3081,))])
    train_dataset = serialize(Digits, train=True, transform=transform)
    test_dataset = serialize(Digits, train=False, transform=transform)
    evaluator = pl.Classification(
        train_dataloader=pl.DataLoader(train_dataset, batch_size=100),
        val_dataloaders=pl.DataLoader(test_dataset, batch_size=100),
        max_epochs=1,  # 10 in the document
    )

    search_strategy = strategy.Random(dedup=True)  # dedup=False if deduplication is not wanted

    exp = RetiariiExperiment(Net(), evaluator, None, search_strategy)
    exp_config = RetiariiExeConfig("local")
    exp_config.experiment_name = "digits_search"
    exp_config.trial_concurrency = 2
    exp_config.max_trial_number = 4
    exp_config.training_service.use_active_gpu = False
    exp.run(exp_config)  # exp.run(exp_config, 8081) shows a page on that port, too

    for source in exp.export_top_models(formatter="code"):
        print(source)


if __name__ == "__main__":
    main()
