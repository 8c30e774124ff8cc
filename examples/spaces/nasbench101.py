"""The space of NAS-Bench-101: cells that are any graph of up to seven vertices and nine edges.

Source: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", https://arxiv.org/abs/1902.09635.
"""

import torch

import retix.nn.pytorch as nn
from retix import ModelSpace


class Conv(nn.Sequential):
    """Convolution, norm and ReLU; in a cell, how many features there are depends on its edges."""

    def __init__(self, inputs, outputs, size):
        conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU())


OPERATIONS = {
    "conv3x3-bn-relu": lambda features: Conv(features, features, 3),
    "conv1x1-bn-relu": lambda features: Conv(features, features, 1),
    "maxpool3x3": lambda features: nn.MaxPool2d(3, stride=1, padding=1),
}


class NasBench101(nn.Module):
    """A stem, stacks of equal cells with pooling between them, and a linear head."""

    def __init__(self, features=128, num_stacks=3, cells_per_stack=3, num_classes=10):
        super().__init__()
        self.stem = Conv(3, features, 3)
        self.layers = nn.Sequential()
        inputs = features
        for stack in range(num_stacks):
            if stack:
                self.layers.append(nn.MaxPool2d(2))
                features *= 2
            for _ in range(cells_per_stack):
                self.layers.append(
                    nn.NasBench101Cell(OPERATIONS, inputs, features, lambda i, o: Conv(i, o, 1), label="cell")
                )
                inputs = features
        self.head = nn.Linear(features, num_classes)

    def forward(self, x):
        return self.head(self.layers(self.stem(x)).mean((2, 3)))


def read_cell(matrix, operations):
    """The sample of a cell as the benchmark has it: which vertex feeds which, and what the inner ones do."""
    sample = {"cell/num_nodes": len(matrix)}
    for vertex in range(1, len(matrix)):
        sample[f"cell/input{vertex}"] = [source for source in range(vertex) if matrix[source][vertex]]
    return sample | {f"cell/op{vertex}": operation for vertex, operation in enumerate(operations, 1)}


# the example in the benchmark's own notebook: like an Inception module
INCEPTION = read_cell(
    matrix=[
        [0, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    operations=["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "conv3x3-bn-relu", "conv3x3-bn-relu"],
)


def main():
    space = ModelSpace(NasBench101(), example_inputs=torch.zeros(2, 3, 32, 32))
    print(space)
    print(space.source(space.random(seed=0)).text)
    model = space.python(INCEPTION)
    print(f"the cell like Inception: {sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
