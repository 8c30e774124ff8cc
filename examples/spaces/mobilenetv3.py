"""A space around MobileNetV3-Large: elastic kernels, expansions, widths and depths, with or without squeeze-and-excite.

Sources: Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244 (the network); Cai et al.,
"Once-for-All", https://arxiv.org/abs/1908.09791 (what is elastic).
"""

import torch

import retix.nn.pytorch as nn
from retix import ModelSpace


def divisible(features):
    """Features as a multiple of 8, not below nine tenths of what was asked for; also of choices."""
    rounded = nn.ValueChoice.max(8, nn.ValueChoice.to_int(features + 4) // 8 * 8)
    return nn.ValueChoice.condition(rounded < 0.9 * features, rounded + 8, rounded)


class ConvNorm(nn.Sequential):
    def __init__(self, inputs, outputs, size=1, stride=1, groups=1, activation=None):
        conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, groups=groups, bias=False)
        norm = nn.BatchNorm2d(outputs, eps=0.001, momentum=0.01)
        super().__init__(conv, norm, *([activation()] if activation else []))


class SqueezeExcite(nn.Module):
    """Scale each feature by what the whole image says."""

    def __init__(self, features):
        super().__init__()
        squeezed = divisible(features // 4)
        inner = [nn.Conv2d(features, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, features, 1)]
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), *inner, nn.Hardsigmoid())

    def forward(self, x):
        return x * self.scale(x)


class InvertedResidual(nn.Module):
    """Expand, convolve each feature, squeeze and excite, project; added to the input where that fits."""

    def __init__(self, inputs, outputs, stride, activation, label, is_first):
        super().__init__()
        size = nn.ValueChoice([3, 5, 7], label=f"{label}/kernel")
        ratio = nn.ValueChoice([2.3, 2.5, 3.0, 4.0, 6.0], label=f"{label}/expand")
        hidden = divisible(inputs * ratio)
        self.is_first = is_first
        self.expand = ConvNorm(inputs, hidden, activation=activation)
        self.depthwise = ConvNorm(hidden, hidden, size, stride, hidden, activation)
        stage = label.partition("/")[0]
        self.excite = nn.LayerChoice({"none": nn.Identity(), "se": SqueezeExcite(hidden)}, label=f"{stage}/se")
        self.project = ConvNorm(hidden, outputs)

    def forward(self, x):
        out = self.project(self.excite(self.depthwise(self.expand(x))))
        return out if self.is_first else out + x


def make_stage(inputs, outputs, depth, stride, activation, stage):
    """One to ``depth`` blocks, of which the first changes size and width."""

    def make(index):
        place = (inputs, outputs, stride) if index == 0 else (outputs, outputs, 1)
        return InvertedResidual(*place, activation, f"{stage}/block{index}", is_first=index == 0)

    return nn.Repeat(make, (1, depth), label=f"{stage}/depth")


class MobileNetV3(nn.Module):
    """A stem with one fixed block, five elastic stages, and a head of two layers."""

    def __init__(self, scale=1.0, depth=4, num_classes=1000):
        super().__init__()
        features = int(16 * scale)
        depthwise = ConvNorm(features, features, 3, groups=features, activation=nn.ReLU)
        self.stem = ConvNorm(3, features, 3, 2, activation=nn.Hardswish)
        self.first = nn.Sequential(depthwise, ConvNorm(features, features))
        self.stages = nn.Sequential()
        for index, (width, stride) in enumerate([(24, 2), (40, 2), (80, 2), (112, 1), (160, 2)]):
            activation = nn.ReLU if index < 2 else nn.Hardswish
            multiplier = nn.ValueChoice([0.75, 1.0, 1.25], label=f"stage{index}/width")
            outputs = divisible(int(width * scale) * multiplier)
            self.stages.append(make_stage(features, outputs, depth, stride, activation, f"stage{index}"))
            features = outputs
        self.last = ConvNorm(features, 6 * features, activation=nn.Hardswish)
        hidden = int(1280 * scale)
        inner = [nn.Linear(6 * features, hidden), nn.Hardswish(), nn.Dropout(0.2)]
        self.head = nn.Sequential(*inner, nn.Linear(hidden, num_classes))

    def forward(self, x):
        x = self.stem(x)
        x = self.stages(x + self.first(x))
        return self.head(self.last(x).mean((2, 3)))


# MobileNetV3-Large: kernel and expansion of each block, and which stages have squeeze-and-excite
BLOCKS = [
    [(3, 4.0), (3, 3.0)],
    [(5, 3.0), (5, 3.0), (5, 3.0)],
    [(3, 6.0), (3, 2.5), (3, 2.3), (3, 2.3)],
    [(3, 6.0), (3, 6.0)],
    [(5, 6.0), (5, 6.0), (5, 6.0)],
]
LARGE = {f"stage{index}/se": "se" if index in (1, 3, 4) else "none" for index in range(5)}
for stage, blocks in enumerate(BLOCKS):
    LARGE |= {f"stage{stage}/width": 1.0, f"stage{stage}/depth": len(blocks)}
    for place, (kernel, expand) in enumerate(blocks):
        LARGE |= {f"stage{stage}/block{place}/kernel": kernel, f"stage{stage}/block{place}/expand": expand}


def main():
    space = ModelSpace(MobileNetV3(), example_inputs=torch.zeros(2, 3, 224, 224))
    print(space)
    print(space.source(space.random(seed=0)).text)
    model = space.python(LARGE)
    print(f"MobileNetV3-Large: {sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
