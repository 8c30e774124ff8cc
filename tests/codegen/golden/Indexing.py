import torch
from torch import nn


class Indexing(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.tensor([2, 0, 1]))
        self.fc = nn.Linear(5, 5)

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
