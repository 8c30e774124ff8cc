"""The space of DARTS, https://arxiv.org/abs/1806.09055, for CIFAR-10: two kinds of cells with eight operations."""

import torch

import retix.nn.pytorch as nn
from retix import ModelSpace, basic_unit, constraint


@basic_unit
class Conv(nn.Sequential):
    """ReLU, depthwise and pointwise convolution, norm: once for a dilated convolution, twice for a separable one."""

    def __init__(self, channels, size, stride, dilation=1, times=1):
        layers = []
        for step in [stride] + (times - 1) * [1]:
            depthwise = nn.Conv2d(
                channels, channels, size, step, dilation * (size // 2), dilation, channels, bias=False
            )
            layers += [nn.ReLU(), depthwise, nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]
        super().__init__(*layers)


@basic_unit
class FactorizedReduce(nn.Module):
    """Half the size by two convolutions, the second of which looks at the pixels that the first leaves out."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False) for _ in range(2))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = torch.relu(x)
        return self.norm(torch.cat([self.convs[0](x), self.convs[1](x[:, :, 1:, 1:])], dim=1))


@basic_unit
class Zero(nn.AvgPool2d):
    def __init__(self, stride):
        super().__init__(1, stride)

    def forward(self, x):
        return super().forward(x) * 0


def make_operations(channels, is_reduction):
    """The operations by their names in the paper's code, as functions of where in the cell they stand."""
    operations = {
        "none": Zero,
        "max_pool_3x3": lambda stride: nn.MaxPool2d(3, stride, padding=1),
        "avg_pool_3x3": lambda stride: nn.AvgPool2d(3, stride, padding=1, count_include_pad=False),
        "skip_connect": lambda stride: nn.Identity() if stride == 1 else FactorizedReduce(channels, channels),
        "sep_conv_3x3": lambda stride: Conv(channels, 3, stride, times=2),
        "sep_conv_5x5": lambda stride: Conv(channels, 5, stride, times=2),
        "dil_conv_3x3": lambda stride: Conv(channels, 3, stride, dilation=2),
        "dil_conv_5x5": lambda stride: Conv(channels, 5, stride, dilation=2),
    }

    def place(make):
        return lambda node, operation, index: make(2 if is_reduction and index in (0, 1) else 1)

    return {name: place(make) for name, make in operations.items()}


class Adapt(nn.Module):
    """Bring the outputs of the last two cells to the same shape."""

    def __init__(self, before_last, last, channels, halve_first):
        super().__init__()
        convs = [nn.Conv2d(inputs, channels, 1, bias=False) for inputs in (before_last, last)]
        adapted = [nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(channels)) for conv in convs]
        self.before_last = FactorizedReduce(before_last, channels) if halve_first else adapted[0]
        self.last = adapted[1]

    def forward(self, inputs):
        return [self.before_last(inputs[0]), self.last(inputs[1])]


class DARTS(nn.Module):
    """Cells, of which those at one and two thirds halve the size; a node takes two inputs in rising order."""

    def __init__(self, channels=36, num_cells=20, num_classes=10):
        super().__init__()
        before_last = last = 3 * channels
        self.stem = nn.Sequential(nn.Conv2d(3, last, 3, padding=1, bias=False), nn.BatchNorm2d(last))
        self.cells = nn.ModuleList()
        reductions = (num_cells // 3, 2 * num_cells // 3)
        for index in range(num_cells):
            kind, channels = ("reduce", channels * 2) if index in reductions else ("normal", channels)
            operations = make_operations(channels, kind == "reduce")
            adapted = Adapt(before_last, last, channels, halve_first=index - 1 in reductions)
            self.cells.append(nn.Cell(operations, 4, 2, 2, "all", adapted, label=kind))
            before_last, last = last, 4 * channels
        self.head = nn.Linear(last, num_classes)
        for index, (one, other) in enumerate([*self.cells[0].inputs, *self.cells[reductions[0]].inputs]):
            setattr(self, f"rule{index}", constraint(one.answer < other.answer))

    def forward(self, x):
        before_last = last = self.stem(x)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        return self.head(last.mean((2, 3)))


SEP, SKIP, POOL = "sep_conv_3x3", "skip_connect", "max_pool_3x3"
GENOTYPE = {  # "DARTS_V2", which the authors found by the second-order approximation: operations and their inputs
    "normal": [(SEP, 0), (SEP, 1), (SEP, 0), (SEP, 1), (SKIP, 0), (SEP, 1), (SKIP, 0), ("dil_conv_3x3", 2)],
    "reduce": [(POOL, 0), (POOL, 1), (POOL, 1), (SKIP, 2), (POOL, 0), (SKIP, 2), (POOL, 1), (SKIP, 2)],
}
DARTS_V2 = {}
for label, pairs in GENOTYPE.items():
    for i, (operation, source) in enumerate(pairs):
        DARTS_V2 |= {f"{label}/op_{i // 2 + 2}_{i % 2}": operation, f"{label}/input_{i // 2 + 2}_{i % 2}": [source]}


if __name__ == "__main__":
    space = ModelSpace(DARTS(), example_inputs=torch.zeros(2, 3, 32, 32))
    print(space, space.source(space.random(seed=0)).text, sep="\n")
    print(f"DARTS_V2: {sum(p.numel() for p in space.python(DARTS_V2).parameters()):,} parameters")
