import torch
import torch.nn.functional as F
from torch import nn


class CausalAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = nn.Linear(16, 48, bias=False)
        self.c_proj = nn.Linear(16, 16, bias=False)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.c_attn(x).split(16, dim=2)
        q = q.view(b, t, 2, c // 2).transpose(1, 2)
        k = k.view(b, t, 2, c // 2).transpose(1, 2)
        v = v.view(b, t, 2, c // 2).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2).contiguous().view(b, t, c)
        return self.c_proj(y)


class DecoderBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(16)
        self.attn = CausalAttention()
        self.ln_2 = nn.LayerNorm(16)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(16, 64), "c_proj": nn.Linear(64, 16)}
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        gelu = F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh")
        return x + self.mlp["c_proj"](gelu)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(20, 16)
        self.wpe = nn.Embedding(12, 16)
        self.drop = nn.Dropout(0.1)
        self.h = nn.ModuleList([DecoderBlock(), DecoderBlock()])
        self.ln_f = nn.LayerNorm(16)
        self.lm_head = nn.Linear(16, 20, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, idx):
        _, t = idx.shape
        pos = torch.arange(t, dtype=torch.int64, device=idx.device)
        x = self.drop(self.wte(idx) + self.wpe(pos))
        for layer in self.h:
            x = layer(x)
        return self.lm_head(self.ln_f(x))
