"""A space of vision transformers: how wide and how deep they are, and for each block its heads and hidden features.

Source: Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", https://arxiv.org/abs/2107.00651; the
ranges are those of its small spaces.
"""

import torch
import torch.nn.functional as F

import retix.nn.pytorch as nn
from retix import ModelSpace, basic_unit

HEAD = 64  # features of a head, however many there are


class Attention(nn.Module):
    """Attention of as many heads as are chosen."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * HEAD * heads)
        self.out = nn.Linear(HEAD * heads, width)

    def forward(self, x):
        qkv = self.qkv(x).unflatten(-1, (3, self.heads(), HEAD))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind()
        return self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and two linear layers, each added to its input."""

    def __init__(self, width, label):
        super().__init__()
        heads = nn.ValueChoice([3, 4, 5, 6], label=f"{label}/heads")
        ratio = nn.ValueChoice([3.0, 3.5, 4.0], label=f"{label}/mlp_ratio")
        hidden = nn.ValueChoice.to_int(width * ratio)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


@basic_unit
class Embedding(nn.Module):
    """A token for the class before those of the patches, and what says where each is."""

    def __init__(self, patches, width):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, patches + 1, width) * 0.02)

    def forward(self, x):
        return torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.position


class VisionTransformer(nn.Module):
    """Patches, blocks, and a linear head on the class token."""

    def __init__(self, image=224, patch=16, widths=(192, 216, 240), depth=(12, 14), num_classes=1000):
        super().__init__()
        width = nn.ValueChoice(widths, label="width")
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.embedding = Embedding((image // patch) ** 2, width)
        self.blocks = nn.Repeat(lambda index: Block(width, f"block{index}"), depth, label="depth")
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        x = self.embedding(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.norm(self.blocks(x))[:, 0])


# "DeiT-Ti" of Touvron et al., https://arxiv.org/abs/2012.12877
DEIT_TINY = {"width": 192, "depth": 12}
DEIT_TINY |= {f"block{index}/heads": 3 for index in range(12)}
DEIT_TINY |= {f"block{index}/mlp_ratio": 4.0 for index in range(12)}


def main():
    space = ModelSpace(VisionTransformer(), example_inputs=torch.zeros(1, 3, 224, 224))
    print(space)
    print(space.source(space.random(seed=0)).text)
    model = space.python(DEIT_TINY)
    print(f"DeiT-Ti: {sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
