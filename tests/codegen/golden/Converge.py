from torch import nn


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
