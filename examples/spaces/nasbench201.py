"""The space of NAS-Bench-201: 15,625 cells of four tensors, with one of five operations on each edge between them.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
https://arxiv.org/abs/2001.00326.
"""

import torch

import retix.nn.pytorch as nn
from retix import ModelSpace


class Zero(nn.Module):
    def forward(self, x):
        return x * 0


class Conv(nn.Sequential):
    """ReLU, convolution and norm."""

    def __init__(self, inputs, outputs, size, stride=1):
        conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
        super().__init__(nn.ReLU(), conv, nn.BatchNorm2d(outputs))


OPERATIONS = {
    "none": lambda inputs, outputs: Zero(),
    "skip_connect": lambda inputs, outputs: nn.Identity(),
    "nor_conv_1x1": lambda inputs, outputs: Conv(inputs, outputs, 1),
    "nor_conv_3x3": lambda inputs, outputs: Conv(inputs, outputs, 3),
    "avg_pool_3x3": lambda inputs, outputs: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
}


class Downsample(nn.Module):
    """The residual block between two stages: half the size, twice the channels."""

    def __init__(self, channels):
        super().__init__()
        self.convs = nn.Sequential(Conv(channels, 2 * channels, 3, stride=2), Conv(2 * channels, 2 * channels, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, 2 * channels, 1, bias=False))

    def forward(self, x):
        return self.shortcut(x) + self.convs(x)


class NasBench201(nn.Module):
    """A stem, three stages of equal cells, and a linear head."""

    def __init__(self, channels=16, cells_per_stage=5, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.layers = nn.Sequential()
        for stage in range(3):
            if stage:
                self.layers.append(Downsample(channels))
                channels *= 2
            for _ in range(cells_per_stage):
                self.layers.append(nn.NasBench201Cell(OPERATIONS, channels, channels, label="cell"))
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.head(self.last(self.layers(self.stem(x))))


def read_architecture(text):
    """The sample of an architecture as the benchmark writes it: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    sample = {}
    for end, node in enumerate(text.split("+"), 1):
        for edge in node.strip("|").split("|"):
            operation, start = edge.split("~")
            sample[f"cell/{start}_{end}"] = operation
    return sample


# the one with the best test accuracy on CIFAR-10, 94.37 %
BEST = read_architecture(
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
)


def main():
    space = ModelSpace(NasBench201(), example_inputs=torch.zeros(2, 3, 32, 32))
    print(space)
    print(space.source(BEST).text)
    model = space.python(BEST)
    print(f"the best on CIFAR-10: {sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
