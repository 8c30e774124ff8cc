"""Models that are wired in unusual ways."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 8)
        self.fc2 = nn.Linear(8, 4)

    def forward(self, x):
        return F.normalize(self.fc2(F.relu(self.fc1(x))), dim=-1)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = Tower()
        self.temperature = nn.Parameter(torch.tensor(0.5))

    def forward(self, left, right):
        a = self.tower(left)
        b = self.tower(right)
        return (a * b).sum(dim=-1) / self.temperature


class TiedAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 4)
        self.bias = nn.Parameter(torch.zeros(6))

    def forward(self, x):
        code = torch.sigmoid(self.encoder(x))
        return F.linear(code, self.encoder.weight.t(), self.bias)


class TiedHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(F.relu(self.first(x)))


class NestedContainers(nn.Module):
    def __init__(self):
        super().__init__()
        self.towers = nn.ModuleList(
            [nn.ModuleDict({"body": nn.Linear(4, 4), "gate": nn.Linear(4, 4)}) for _ in range(2)]
        )
        self.heads = nn.ModuleDict({"mean": nn.Linear(4, 1), "log_var": nn.Linear(4, 1)})

    def forward(self, x):
        for tower in self.towers:
            x = tower["body"](x) * torch.sigmoid(tower["gate"](x))
        return {name: head(x) for name, head in self.heads.items()}


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        out = self.bn(self.conv(x))
        out += 1.0
        out.mul_(0.5)
        F.relu_(out)
        copy = out.clone()
        copy[:, 0] = 0.0
        copy[:, 1:3, 0] += 2.0
        copy[..., -1].clamp_(min=0.1)
        return copy + out


class Indexing(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 5)
        self.register_buffer("order", torch.tensor([2, 0, 1]))

    def forward(self, x, index):
        x = self.fc(x)
        first = x[:, 0, None]
        last = x[..., -2:]
        picked = x[:, self.order]
        rows = x[torch.arange(x.size(0), device=x.device), index]
        grid = x[:, ::2, 1:]
        masked = torch.where(x > 0, x, torch.zeros_like(x))
        gathered = x.gather(1, index[:, None, None].expand(-1, 1, x.size(-1)))
        return first, last, picked, rows, grid, masked, gathered


class MadeInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = self.fc(x)
        batch, width = x.shape
        mask = torch.ones(batch, width, device=x.device).triu(1)
        steps = torch.linspace(0, 1, width, device=x.device)
        noise = torch.randn_like(x) * 0.1
        eye = torch.eye(width, dtype=x.dtype, device=x.device)
        full = x.new_full((batch, width), 0.25)
        return x @ eye + mask * steps + noise + full + torch.zeros(width).to(x)


class MultipleInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = nn.Linear(6, 4)
        self.text = nn.Linear(3, 4)
        self.out = nn.Linear(8, 2)

    def forward(self, image, text, *, weight=None, scale: float = 2.0):
        x = torch.cat([self.image(image), self.text(text)], dim=-1)
        if weight is not None:
            x = x * weight.unsqueeze(-1)
        return self.out(x) * scale


class NestedOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 6)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        low, high = h.split([2, 4], dim=1)
        values, indices = high.topk(2, dim=-1)
        return {"parts": (low, [high, values]), "indices": indices}, h.std(dim=0, unbiased=False)


class FunctionalNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6))
        self.bias = nn.Parameter(torch.zeros(6))
        self.register_buffer("running_mean", torch.zeros(6))
        self.register_buffer("running_var", torch.ones(6))
        self.kernel = nn.Parameter(torch.randn(6, 3, 3, 3) * 0.1)

    def forward(self, x):
        x = F.conv2d(x, self.kernel, stride=2, padding=1)
        x = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training=self.training)
        x = F.dropout2d(F.elu(x), p=0.3, training=self.training)
        x = F.layer_norm(x, x.shape[-2:])
        return F.dropout(x, 0.5, self.training).amax(dim=(2, 3))


class StochasticDepth(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        self.drop = 0.4

    def forward(self, x):
        for layer in self.layers:
            out = F.relu(layer(x))
            if self.training:
                keep = torch.rand(x.shape[0], 1, device=x.device) >= self.drop
                out = out * keep / (1 - self.drop)
            x = x + out
        return x


class Standardizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.full((1, 3, 1, 1), 0.25), persistent=False)
        self.alpha = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(self, x):
        x = (x - self.mean) / self.scale
        if x.size(-1) > 4:
            x = x[..., :4]
        return x + self.alpha**2
