"""The space of MnasNet by choices in the model; `mnasnet_mutators.py` says the same space by mutators.

Source: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", https://arxiv.org/abs/1807.11626;
without squeeze-and-excite.
"""

import torch

import retix.nn.pytorch as nn
from retix import ModelSpace


def conv_norm(inputs, outputs, size=1, stride=1, groups=1):
    conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs, momentum=0.0003)]


def regular_conv(inputs, outputs, size, stride, expansion):
    return nn.Sequential(*conv_norm(inputs, outputs, size, stride), nn.ReLU())


def depthwise_conv(inputs, outputs, size, stride, expansion):
    depthwise = conv_norm(inputs, inputs, size, stride, groups=inputs)
    return nn.Sequential(*depthwise, nn.ReLU(), *conv_norm(inputs, outputs))


def mobile_conv(inputs, outputs, size, stride, expansion):
    width = inputs * expansion
    depthwise = conv_norm(width, width, size, stride, groups=width)
    return nn.Sequential(*conv_norm(inputs, width), nn.ReLU(), *depthwise, nn.ReLU(), *conv_norm(width, outputs))


OPERATIONS = {"RegularConv": regular_conv, "DepthwiseConv": depthwise_conv, "MobileConv": mobile_conv}


def make_layer(label, *shape):
    return nn.LayerChoice({name: make(*shape) for name, make in OPERATIONS.items()}, label=f"{label}/op")


class Residual(nn.Module):
    """A layer that may be added to its input."""

    def __init__(self, layer, skip):
        super().__init__()
        self.layer = layer
        self.select = nn.SelectInputs([True, skip == "identity"], reduction="sum")

    def forward(self, x):
        return self.select([self.layer(x), x])


def make_block(label, inputs, outputs, stride, expansion):
    """One to four layers of a kind, the first of which changes size and width."""
    size = nn.ValueChoice([3, 5], label=f"{label}/kernel_size")
    skip = nn.ValueChoice(["identity", "no"], label=f"{label}/skip")

    def make(index):
        if index == 0:
            return make_layer(label, inputs, outputs, size, stride, expansion)
        return Residual(make_layer(label, outputs, outputs, size, 1, expansion), skip)

    return nn.Repeat(make, (1, 4), label=f"{label}/n_layer")


class MnasNet(nn.Module):
    """A stem, seven blocks and a head."""

    def __init__(self, filters=(16, 24, 40, 80, 96, 192, 320), stem=32, head=1280, num_classes=1000):
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, stem, 3, 2), nn.ReLU())
        self.blocks = nn.Sequential()
        inputs = stem
        for index, (width, stride) in enumerate(zip(filters, [1, 2, 2, 2, 1, 2, 1], strict=True)):
            widths = [int(width * share) for share in (0.75, 1.0, 1.25)]
            outputs = nn.ValueChoice(widths, label=f"block{index}/n_filter")
            self.blocks.append(make_block(f"block{index}", inputs, outputs, stride, 3 if index < 3 else 6))
            inputs = outputs
        self.last = nn.Sequential(*conv_norm(inputs, head), nn.ReLU())
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(head, num_classes))

    def forward(self, x):
        return self.classifier(self.last(self.blocks(self.stem(x))).mean((2, 3)))


# MnasNet-B1: for each block its layers' kind, kernel and width, and how many there are
B1 = {}
for index, choices in enumerate(
    [
        ("DepthwiseConv", 3, 16, 1),
        ("MobileConv", 3, 24, 3),
        ("MobileConv", 5, 40, 3),
        ("MobileConv", 5, 80, 3),
        ("MobileConv", 3, 96, 2),
        ("MobileConv", 5, 192, 4),
        ("MobileConv", 3, 320, 1),
    ]
):
    B1 |= {f"block{index}/{n}": c for n, c in zip(["op", "kernel_size", "n_filter", "n_layer"], choices, strict=True)}
    B1 |= {f"block{index}/skip": "identity"} if choices[3] > 1 else {}


def main():
    space = ModelSpace(MnasNet(), example_inputs=torch.zeros(2, 3, 224, 224))
    print(space)
    print(space.source(space.random(seed=0)).text)
    model = space.python(B1)
    print(f"MnasNet-B1: {sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
