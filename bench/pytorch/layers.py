"""The layers of src/models/networks/layers.ts and positions.ts, each as PyTorch has it.

B batch   N, M tokens   C, D channels   h heads
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Norm(nn.RMSNorm):
    """Each token divided by its root mean square, times a learned gain."""

    def __init__(self, C: int):
        super().__init__(C, eps=1e-6)


class FeedForward(nn.Module):
    def __init__(self, C: int, ratio: int):
        super().__init__()
        self.norm = Norm(C)
        self.up = nn.Linear(C, ratio * C)
        self.down = nn.Linear(ratio * C, C)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(F.silu(self.up(self.norm(x))))


class Attention(nn.Module):
    """x [B, N, C] reads context [B, M, D] through `inner` channels; `mask` [B, 1, 1, M] is False where nothing is to be read."""

    def __init__(self, C: int, D: int, heads: int, inner: int | None = None):
        super().__init__()
        inner = inner or C
        self.heads = heads
        self.norm = Norm(C)
        self.context_norm = Norm(D)
        self.query = nn.Linear(C, inner, bias=False)
        self.key = nn.Linear(D, inner, bias=False)
        self.value = nn.Linear(D, inner, bias=False)
        self.out = nn.Linear(inner, C)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        read = self.context_norm(context)
        q = self.split(self.query(self.norm(x)))
        mixed = F.scaled_dot_product_attention(q, self.split(self.key(read)), self.split(self.value(read)), attn_mask=mask)
        return x + self.out(mixed.transpose(1, 2).flatten(2))

    def split(self, x: Tensor) -> Tensor:
        """[B, N, h * width] -> [B, h, N, width]"""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class TransformerLayer(nn.Module):
    def __init__(self, C: int, heads: int, ratio: int):
        super().__init__()
        self.attention = Attention(C, C, heads)
        self.feed = FeedForward(C, ratio)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.feed(self.attention(x, x, mask))


class Neighbours(nn.Module):
    """A 3x3 convolution over [B, H, W, C], normed before and added to x."""

    def __init__(self, C: int):
        super().__init__()
        self.norm = Norm(C)
        self.filter = nn.Conv2d(C, C, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # Channels are last in memory already: only the names of the dimensions change places.
        mixed = self.filter(F.silu(self.norm(x)).permute(0, 3, 1, 2))
        return x + mixed.permute(0, 2, 3, 1)


def patches(x: Tensor, p: int) -> Tensor:
    """[B, H, W, c] -> [B, (H/p) * (W/p), p * p * c]"""
    cells = x.unflatten(2, (-1, p)).unflatten(1, (-1, p)).transpose(2, 3)  # [B, H/p, W/p, p, p, c]
    return cells.reshape(len(x), -1, p * p * x.shape[-1])


def waves(numbers: Tensor, C: int, longest: float, shortest: float) -> Tensor:
    """Sines and cosines of numbers [...] -> [..., C], wavelengths in a geometric row."""
    half = C // 2
    steps = torch.arange(half, dtype=torch.float64) / max(1, half - 1)
    angles = 2 * math.pi * numbers.double()[..., None] / (longest * (shortest / longest) ** steps)
    return torch.cat([angles.sin(), angles.cos()], -1).to(torch.get_default_dtype())


def grid_positions(rows: int, columns: int, C: int) -> Tensor:
    """[rows * columns, C]: half of the channels for x, half for y, of a frame that is 1 wide and 1 high."""
    x = waves((torch.arange(columns) + 0.5) / columns, C // 2, longest=2, shortest=1 / 8)
    y = waves((torch.arange(rows) + 0.5) / rows, C // 2, longest=2, shortest=1 / 8)
    return torch.cat([x.repeat(rows, 1), y.repeat_interleave(columns, 0)], 1)


def time_positions(frames: Tensor, C: int) -> Tensor:
    return waves(frames, C, longest=64, shortest=2)


def number_features(numbers: Tensor, C: int) -> Tensor:
    return waves(numbers, C, longest=32, shortest=0.5)
