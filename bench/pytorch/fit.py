"""src/models/networks/fit.ts and its extensions: the denoiser F of presets with the parts of `local` that are not from the paper, no upsamplers.

B batch   T frames   H, W pixels   p side of a patch   R rows and Q columns of patches   P channels of a patch
G groups   L latents of C channels   N conditioning tokens
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from layers import Attention, FeedForward, Neighbours, Norm, TransformerLayer
from layers import grid_positions, number_features, patches, time_positions
from placement import ImagePlan, Placement
from prompt_encoder import Condition

FEATURE = 32
LAYOUT_CELL = 4
NUMBERS = ("sigma", "fps", "width", "height")


@dataclass
class Denoised:
    f: Tensor  # [B, T, H, W, 3]
    latents: Tensor  # [B, L, C]
    planned: Tensor  # [B, T, cells]
    drawn: Tensor  # [B, T, R * Q]
    placed: list[dict[str, Tensor]]


class Fit(nn.Module):
    def __init__(self, preset: dict):
        super().__init__()
        p, P, C, heads = preset["patch"], preset["patchWidth"], preset["width"], preset["heads"]
        self.preset = preset
        self.R = self.Q = preset["side"] // p
        self.blocks = [f"block{i}" for i in range(preset["blocks"])]
        self.patch = nn.Linear(p * p * 3, P)
        self.latents = nn.Parameter(torch.empty(preset["latents"], C))
        self.carry_norm = Norm(C)
        self.carry = nn.Linear(C, C)
        self.time = nn.Linear(P, P)
        for name in NUMBERS:
            layers = [("in", nn.Linear(FEATURE, C)), ("silu", nn.SiLU()), ("out", nn.Linear(C, C))]
            self.add_module(name, nn.Sequential(OrderedDict(layers)))
        for name in self.blocks:
            self.add_module(name, Block(preset, self.R, self.Q))
        self.finish = Norm(P)
        self.layout = Layout(preset)
        self.picture_plan = ImagePlan(preset, self.R, self.Q)
        self.drawn = nn.Linear(P, 1)
        self.head = nn.Linear(P, p * p * 3)
        self.register_buffer("grid", grid_positions(self.R, self.Q, P), persistent=False)

    def forward(
        self, x: Tensor, sigma: Tensor, frames: Tensor, fps: Tensor, condition: Condition, latents: Tensor | None = None
    ) -> Denoised:
        B, T, H, W, _ = x.shape
        p, R, Q, P = self.preset["patch"], self.R, self.Q, self.patch.out_features

        # Conditioning tokens: four numbers, then the prompt; and the same as one vector.
        side = torch.full((B,), 4 * math.log2(self.preset["side"]))
        numbers = (4 * sigma.log(), 8 * (8 / fps).log1p(), side, side)
        given = [getattr(self, name)(number_features(n, FEATURE))[:, None] for name, n in zip(NUMBERS, numbers)]
        tokens = torch.cat([*given, condition.tokens], 1)
        mask = F.pad(condition.mask, (len(given), 0), value=True)
        whole = condition.tokens[:, :1]
        summary = sum(given) + whole

        # Patch tokens with their places in space and time.
        when = time_positions(frames, P)  # [B, T, P]
        u = self.patch(patches(x.view(B * T, H, W, 3), p)).view(B, T, R * Q, P) + self.grid + self.time(when)[:, :, None]
        planned, marks = self.layout(whole, when)
        u = (u + marks).flatten(1, 2)

        z = self.latents.expand(B, -1, -1)
        if latents is not None:
            z = z + self.carry(self.carry_norm(latents))
        placed = []
        images = self.picture_plan(condition.images.meaning, whole, when) if condition.images else None
        for name in self.blocks:
            z, u, where = getattr(self, name)(z, u, tokens, mask, condition, images, whole, when, summary)
            if where:
                placed.append(where)

        finished = self.finish(u)
        pixels = self.head(finished).view(B * T, R, Q, p, p * 3).transpose(2, 3)
        drawn = self.drawn(finished).view(B, T, R * Q)
        return Denoised(pixels.reshape(B, T, H, W, 3), z, planned, drawn, placed)


class Block(nn.Module):
    """Latents read the conditioning and the patches, compute, and write back; then the patches' own path."""

    def __init__(self, preset: dict, R: int, Q: int):
        super().__init__()
        P, C, heads, ratio = preset["patchWidth"], preset["width"], preset["heads"], preset["ratio"]
        self.R, self.Q = R, Q
        self.rows, self.columns = preset["group"]["rows"], preset["group"]["columns"]
        self.computes = [f"compute{i}" for i in range(preset["layers"])]
        self.read_condition = Attention(C, preset.get("conditionWidth", C), heads)
        self.feed_condition = FeedForward(C, ratio)
        self.read = Attention(C, P, heads, preset.get("readWidth", C))
        self.feed_read = FeedForward(C, ratio)
        for name in self.computes:
            self.add_module(name, TransformerLayer(C, heads, ratio))
        self.write = Attention(P, C, heads)
        self.feed_write = FeedForward(P, ratio)
        self.place = Placement(preset, R, Q)
        self.near = Neighbours(P)
        self.local = Local(preset)

    def forward(self, z, u, tokens, mask, condition, images, whole, when, summary):
        B, L, C = z.shape
        T, P = when.shape[1:]
        R, Q = self.R, self.Q
        G = (R // self.rows) * (Q // self.columns)

        z = self.feed_condition(self.read_condition(z, tokens, mask))
        grouped = self.into_groups(u, B, T)
        z = self.feed_read(self.read(z.reshape(B * G, L // G, C), grouped)).view(B, L, C)
        for name in self.computes:
            z = getattr(self, name)(z)
        u = self.out_of_groups(self.feed_write(self.write(grouped, z.view(B * G, L // G, C))), B, T)

        placed = None
        if condition.images:
            u, placed = self.place(u, condition.images, images, whole, when)
        u = self.near(u.view(B * T, R, Q, P)).reshape(B, T, R, Q, P)
        return z, self.local(u, summary).flatten(1, 3), placed

    def into_groups(self, u: Tensor, B: int, T: int) -> Tensor:
        """[B, T * R * Q, P] -> [B * G, T * rows * columns, P]"""
        r, q, P = self.rows, self.columns, u.shape[-1]
        u = u.reshape(B, T, self.R // r, r, self.Q // q, q * P).permute(0, 2, 4, 1, 3, 5)
        return u.reshape(-1, T * r * q, P)

    def out_of_groups(self, u: Tensor, B: int, T: int) -> Tensor:
        r, q, P = self.rows, self.columns, u.shape[-1]
        u = u.view(B, self.R // r, self.Q // q, T, r, q * P).permute(0, 3, 1, 4, 2, 5)
        return u.reshape(B, T * self.R * self.Q, P)


class Local(nn.Module):
    """Patches [B, T, R, Q, P] look at their neighbours and at the frames beside them."""

    def __init__(self, preset: dict):
        super().__init__()
        P = preset["patchWidth"]
        self.modulate = nn.Linear(preset["width"], 2 * P)
        self.feed_look = FeedForward(P, preset["ratio"])
        self.near = Neighbours(P)
        self.frame_norm = Norm(P)
        self.frames = nn.Linear(3 * P, P)

    def forward(self, u: Tensor, summary: Tensor) -> Tensor:
        B, T, R, Q, P = u.shape
        scale, shift = self.modulate(F.silu(summary)).view(B, 1, 1, 1, 2 * P).chunk(2, -1)
        v = self.feed_look(u + u * scale + shift)
        v = self.near(v.flatten(0, 1)).reshape(B, T, R * Q, P)
        line = F.pad(self.frame_norm(v), (0, 0, 0, 0, 1, 1))  # nothing before the first frame and after the last
        mixed = self.frames(torch.cat([line[:, :-2], line[:, 1:-1], line[:, 2:]], -1))
        return (v + mixed).view(B, T, R, Q, P)


class Layout(nn.Module):
    """Where the subject will be, from the prompt as a whole and the time."""

    def __init__(self, preset: dict):
        super().__init__()
        P, C = preset["patchWidth"], preset["width"]
        self.cells = preset["side"] // LAYOUT_CELL
        self.step = LAYOUT_CELL // preset["patch"]
        self.prompt = nn.Linear(C, 2 * C)
        self.time = nn.Linear(P, 2 * C)
        self.query = nn.Linear(2 * C, P)
        self.level = nn.Parameter(torch.empty(1))
        self.mark = nn.Parameter(torch.empty(1, P))
        self.register_buffer("places", grid_positions(self.cells, self.cells, P), persistent=False)

    def forward(self, whole: Tensor, when: Tensor) -> tuple[Tensor, Tensor]:
        """whole [B, 1, C], when [B, T, P] -> logits [B, T, cells^2] and what they add to the patches [B, T, R * Q, P]"""
        joint = F.silu(self.prompt(whole) * self.time(when))
        logits = self.query(joint) @ self.places.T + self.level
        chance = logits.sigmoid().unflatten(2, (self.cells, self.cells))
        spread = chance.repeat_interleave(self.step, 2).repeat_interleave(self.step, 3)
        return logits, spread.flatten(2)[..., None] * self.mark
