from torch import nn


class CrossAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(
            8, 2, dim_feedforward=16, batch_first=True
        )
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)

    def forward(self, query, memory):
        memory = self.encoder(memory)
        out, weights = self.attn(query, memory, memory)
        return self.norm(query + out), weights
