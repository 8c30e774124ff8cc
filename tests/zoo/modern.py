"""Models of the last years: rotary positions, windows with tables of positions, weights that are computed."""

from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class RotaryEmbedding(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("inv_freq", 1 / 10000 ** (torch.arange(0, dim, 2) / dim), persistent=False)

    @torch.no_grad()
    def forward(self, x, positions):
        freqs = positions[:, :, None].float() * self.inv_freq.to(x.device)
        angles = torch.cat((freqs, freqs), dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def _rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return x * cos[:, None] + torch.cat((-right, left), dim=-1) * sin[:, None]


class RmsNorm(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        variance = x.pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + 1e-6))


class GroupedAttention(nn.Module):
    def __init__(self, dim: int, heads: int, shared: int):
        super().__init__()
        self.head_dim, self.groups = dim // heads, heads // shared
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, shared * self.head_dim, bias=False)
        self.v_proj = nn.Linear(dim, shared * self.head_dim, bias=False)
        self.o_proj = nn.Linear(dim, dim, bias=False)

    def forward(self, hidden, cos, sin, mask=None):
        shape = (*hidden.shape[:-1], -1, self.head_dim)
        query = _rotate(self.q_proj(hidden).view(shape).transpose(1, 2), cos, sin)
        key = _rotate(self.k_proj(hidden).view(shape).transpose(1, 2), cos, sin)
        value = self.v_proj(hidden).view(shape).transpose(1, 2)
        key, value = (part.repeat_interleave(self.groups, dim=1) for part in (key, value))
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.o_proj(out.transpose(1, 2).reshape(*hidden.shape[:-1], -1))


class DecoderLayer(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.input_norm, self.post_norm = RmsNorm(dim), RmsNorm(dim)
        self.self_attn = GroupedAttention(dim, 4, 2)
        self.gate_proj = nn.Linear(dim, 2 * dim, bias=False)
        self.up_proj = nn.Linear(dim, 2 * dim, bias=False)
        self.down_proj = nn.Linear(2 * dim, dim, bias=False)

    def forward(self, hidden, cos, sin, mask):
        hidden = hidden + self.self_attn(self.input_norm(hidden), cos, sin, mask)
        normed = self.post_norm(hidden)
        return hidden + self.down_proj(F.silu(self.gate_proj(normed)) * self.up_proj(normed))


class RotaryDecoder(nn.Module):
    """Positions without gradients, a mask made of sizes, tied embeddings, and a dict as result."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.layers = nn.ModuleList([DecoderLayer(16) for _ in range(2)])
        self.rotary = RotaryEmbedding(4)
        self.norm = RmsNorm(16)
        self.lm_head = nn.Linear(16, 20, bias=False)
        self.lm_head.weight = self.embed.weight

    def forward(self, input_ids, attention_mask=None, return_hidden=True):
        hidden = self.embed(input_ids)
        length = input_ids.shape[1]
        positions = torch.arange(length, device=input_ids.device).expand(input_ids.shape[0], -1)
        mask = torch.ones(length, length, dtype=torch.bool, device=hidden.device).tril()[None, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        cos, sin = self.rotary(hidden, positions)
        every = ()
        for layer in self.layers:
            every += (hidden,)
            hidden = layer(hidden, cos, sin, mask)
        return {"logits": self.lm_head(self.norm(hidden)), "hidden_states": every if return_hidden else None}


class WindowAttention(nn.Module):
    def __init__(self, dim: int, heads: int, window: int):
        super().__init__()
        self.heads = heads
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads) * 0.02)
        places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        offsets = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0) + window - 1
        self.register_buffer("index", offsets[..., 0] * (2 * window - 1) + offsets[..., 1])
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(n, n, -1).permute(2, 0, 1)
        attn = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + bias).softmax(-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(b, n, c))


class WindowTable(nn.Module):
    """A frozen stem, a large table of relative positions, and waves for absolute ones."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 4, stride=4).requires_grad_(False)
        angles = torch.arange(49)[:, None] * torch.exp(torch.arange(0, 16, 2) * (-math.log(10000.0) / 16))
        self.register_buffer("waves", torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[None])
        self.attn = WindowAttention(16, 2, 7)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2) + self.waves
        return self.head((x + self.attn(x)).mean(1))


class NormedVocoder(nn.Module):
    """Convolutions whose weights are computed: a direction, and a length of its own."""

    def __init__(self):
        super().__init__()
        self.pre = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 8, 3, padding=1))
        self.up = nn.utils.parametrizations.weight_norm(nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1))
        self.post = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 1, 3, padding=1))

    def forward(self, mel):
        return torch.tanh(self.post(F.leaky_relu(self.up(F.leaky_relu(self.pre(mel), 0.1)), 0.1)))


class MomentumQueue(nn.Module):
    """A slow copy of the encoder without gradients and a running centre."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        self.teacher = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(1, 4))

    def forward(self, x):
        student = self.encoder(x)
        with torch.no_grad():
            target = self.teacher(x)
            if self.training:
                self.centre.mul_(0.9).add_(target.mean(0, keepdim=True), alpha=0.1)
            target = F.softmax((target - self.centre) / 0.1, dim=-1)
        return -(target * F.log_softmax(student, dim=-1)).sum(-1)
