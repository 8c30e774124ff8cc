import torch
import torch.nn.functional as F
from torch import nn


class Inception(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.branch1 = nn.Conv2d(in_channels, out_channels, 1)
        self.branch3 = nn.Sequential(
            nn.Conv2d(in_channels, 4, 1), nn.Conv2d(4, out_channels, 3, padding=1)
        )
        self.branch5 = nn.Sequential(
            nn.Conv2d(in_channels, 4, 1), nn.Conv2d(4, out_channels, 5, padding=2)
        )
        self.branch_pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            nn.Conv2d(in_channels, out_channels, 1),
        )

    def forward(self, x):
        branch1 = self.branch1(x)
        branch3 = self.branch3(x)
        branch5 = self.branch5(x)
        branch_pool = self.branch_pool(x)
        return F.relu(torch.cat([branch1, branch3, branch5, branch_pool], dim=1))


class AuxiliaryHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 8, 1)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.conv(F.adaptive_avg_pool2d(x, 1)))
        return self.fc(x.flatten(1))


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.inception1 = Inception(8, 4)
        self.inception2 = Inception(16, 6)
        self.aux = AuxiliaryHead()
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        x = self.inception1(self.stem(x))
        if self.training:
            aux = self.aux(x)
        else:
            aux = None
        x = self.inception2(x)
        x = self.dropout(x.mean(dim=(2, 3)))
        logits = self.fc(x)
        if self.training:
            return logits, aux
        return logits
