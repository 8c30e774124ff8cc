"""Recurrent and one-dimensional models."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(12, 5)

    def forward(self, tokens):
        embedded = self.dropout(self.embedding(tokens))
        output, (hidden, cell) = self.lstm(embedded)
        tags = self.fc(output)
        return tags, hidden[-1] + cell[-1]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)

    def forward(self, x):
        _, hidden = self.rnn(x)
        return hidden


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)
        self.out = nn.Linear(6, 4)

    def forward(self, x, hidden):
        output, hidden = self.rnn(x, hidden)
        return self.out(output), hidden


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, source, target):
        hidden = self.encoder(source)
        step, hidden = self.decoder(target[:, :1], hidden)
        rest, _ = self.decoder(target[:, 1:], hidden)
        return torch.cat([step, rest], dim=1)


class StatefulLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, x, state):
        output, (h, c) = self.lstm(x, state)
        return self.head(output[:, -1]), (h, c)


class CellLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        h = torch.zeros(x.size(0), 6, device=x.device)
        outputs = []
        for t in range(3):
            h = self.cell(x[:, t], h)
            outputs.append(self.head(h))
        return torch.stack(outputs, dim=1)


class CausalConv(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.pad = 2 * dilation
        self.conv = nn.Conv1d(channels, 2 * channels, 3, dilation=dilation)

    def forward(self, x):
        out = self.conv(F.pad(x, (self.pad, 0)))
        a, b = out.chunk(2, dim=1)
        return x + torch.tanh(a) * torch.sigmoid(b)


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(CausalConv(4, 1), CausalConv(4, 2), CausalConv(4, 4))
        self.out = nn.Conv1d(4, 3, 1)

    def forward(self, wave):
        return F.log_softmax(self.out(self.layers(wave)), dim=1)
