"""Models whose control flow depends on their inputs: they are scripted."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.small = nn.Linear(4, 4)
        self.large = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 0:
            x = self.small(x)
            x = x * 3
        else:
            x = F.relu(self.large(x))
        return x * 2


class Iterate(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(x.size(0)):
            x = torch.tanh(self.fc(x))
        return x


class Converge(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        count = 0
        while float(x.detach().abs().max()) > 0.5:
            x = self.fc(x) * 0.1
            count = count + 1
        return x + count


class Collect(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(4, 4)

    def forward(self, x):
        outputs = []
        h = torch.zeros_like(x[:, 0])
        for t in range(x.size(1)):
            h = torch.tanh(self.cell(x[:, t] + h))
            outputs.append(h)
        return torch.stack(outputs, 1)
