import torch
from torch import nn


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), 1e-06))
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-06)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * dim, dim)

    def forward(self, x):
        x2 = self.dwconv(x)
        x2 = x2.permute(0, 2, 3, 1)
        x2 = self.norm(x2)
        x2 = self.pwconv2(self.act(self.pwconv1(x2)))
        x2 = self.gamma * x2
        x2 = x2.permute(0, 3, 1, 2)
        return x + x2


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.downsample_layers = nn.ModuleList(
            [nn.Conv2d(3, 8, 4, stride=4), nn.Conv2d(8, 16, 2, stride=2)]
        )
        self.stages = nn.ModuleList(
            [nn.Sequential(ConvNeXtBlock(8), ConvNeXtBlock(8)), ConvNeXtBlock(16)]
        )
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.downsample_layers[1](self.stages[0](self.downsample_layers[0](x)))
        x = self.stages[1](x)
        return self.head(self.norm(x.mean(dim=(-2, -1))))
