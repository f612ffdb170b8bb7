"""src/models/networks/extensions/placement.ts: the images of the prompt, laid into the frames.

B batch   K images   T frames   S = R * Q patches of a frame   P patch width   C width   h = P hidden channels
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from layers import Norm, grid_positions, patches
from prompt_encoder import Images

SEEN = 8


class Placement(nn.Module):
    aside = 0.0  # pixels of an image by which every place is moved: to see what depends on the pixel that it falls on

    def __init__(self, preset: dict, R: int, Q: int):
        super().__init__()
        p, P, C = preset["patch"], preset["patchWidth"], preset["width"]
        self.p, self.R, self.Q = p, R, Q
        self.norm = Norm(P)
        self.query = nn.Linear(C, P)
        self.picture = nn.Linear(C, P)
        self.prompt = nn.Linear(C, P)
        self.time = nn.Linear(P, P)
        self.patches = nn.Linear(P, P)
        self.pose = nn.Linear(P, 5)
        self.value = nn.Linear(p * p * SEEN, P)
        self.gate_pixels = nn.Linear(p * p * SEEN + 1, P)
        self.gate_patch = nn.Linear(P, P, bias=False)
        self.gate_picture = nn.Linear(C, P, bias=False)
        self.out = nn.Linear(P, P, bias=False)
        self.register_buffer("patch_middles", middles(R, Q), persistent=False)
        self.register_buffer("pixel_middles", middles(R * p, Q * p), persistent=False)

    def forward(
        self, u: Tensor, images: Images, planned: Tensor, whole: Tensor, when: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """u [B, T * S, P], planned [B, K, T, S], whole [B, 1, C], when [B, T, P] -> u with what is seen of the images, and
        where they are."""
        B, T, P = when.shape
        K, S = images.meaning.shape[1], self.R * self.Q
        normed = self.norm(u)

        # Where.
        heat = (self.query(images.meaning) / math.sqrt(P) @ normed.mT).view(B, K, T, S) + planned
        share = heat.softmax(-1)
        middle = share @ self.patch_middles  # [B, K, T, 2]
        pooled = (share.transpose(1, 2) @ normed.view(B, T, S, P)).transpose(1, 2)  # [B, K, T, P]
        told = self.picture(images.meaning) + self.prompt(whole)  # [B, K, P]
        joint = told[:, :, None] * self.time(when)[:, None] + self.patches(pooled)
        free = self.pose(F.silu(joint))  # [B, K, T, 5]
        at = middle + free[..., :2]
        log_size = free[..., 2:3].clamp(-3, 2)
        towards = free[..., 3:] + free.new_tensor([1.0, 0.0])
        turn = towards * (towards.square().sum(-1, keepdim=True) + 1e-6).rsqrt()

        # What of it.
        pixels = self.sampled(images.pixels, at, log_size, turn)
        cells = patches(pixels, self.p).view(B, K, T, S, -1)
        gate = (
            self.gate_pixels(torch.cat([cells, 0.1 * heat[..., None]], -1))
            + self.gate_patch(normed).view(B, 1, T, S, P)
            + self.gate_picture(images.meaning)[:, :, None, None]
        )
        taken = (self.value(cells) * gate.sigmoid() * images.present[:, :, None, None, None]).sum(1)  # [B, T, S, P]
        return u + self.out(taken).flatten(1, 2), {"heat": heat, "pose": torch.cat([at, log_size, towards], -1)}

    def sampled(self, images: Tensor, at: Tensor, log_size: Tensor, turn: Tensor) -> Tensor:
        """Images [B, K, side, side, 4] as each frame sees them, at full and at half resolution: [B * K * T, rows, columns, 8]"""
        B, K, T, _ = at.shape
        rows, columns = self.R * self.p, self.Q * self.p
        d = self.pixel_middles - at[..., None, :]  # [B, K, T, rows * columns, 2]
        scaled = turn * (-log_size).exp()
        cos, sin = scaled[..., None, :].unbind(-1)
        dx, dy = d.unbind(-1)
        place = torch.stack([dx * cos + dy * sin, dy * cos - dx * sin], -1) + 0.5  # 0 to 1 in the image

        level = images.flatten(0, 1).permute(0, 3, 1, 2)
        white = level.new_tensor([1.0, 1.0, 1.0, 0.0]).view(4, 1, 1)
        views = []
        for image in (level, F.avg_pool2d(level, 2)):
            n = image.shape[-1]
            moved = place + self.aside / n
            # White and 0 beyond the image: what grid_sample fills with zeros is the distance to that.
            marked = image - white
            # So close to the white beyond, no slope is felt: networks/extensions/look.ts.
            moved = torch.where(moved < 1 + 0.499 / n, moved, moved.detach())
            grid = (2 * moved - 1).view(B * K, T * rows, columns, 2)
            view = F.grid_sample(marked, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            views.append(view + white)
        return torch.cat(views, 1).permute(0, 2, 3, 1).reshape(B * K * T, rows, columns, SEEN)


class ImagePlan(nn.Module):
    """Where in the frames each image's subject will be, as the words around it tell."""

    def __init__(self, preset: dict, R: int, Q: int):
        super().__init__()
        P, C = preset["patchWidth"], preset["width"]
        self.picture = nn.Linear(C, 2 * C)
        self.prompt = nn.Linear(C, 2 * C)
        self.time = nn.Linear(P, 2 * C)
        self.query = nn.Linear(2 * C, P)
        self.register_buffer("places", grid_positions(R, Q, P), persistent=False)

    def forward(self, meaning: Tensor, whole: Tensor, when: Tensor) -> Tensor:
        """meaning [B, K, C], whole [B, 1, C], when [B, T, P] -> logits [B, K, T, S]"""
        told = self.picture(meaning) + self.prompt(whole)
        joint = F.silu(told[:, :, None] * self.time(when)[:, None])
        return self.query(joint) @ self.places.mT


def middles(rows: int, columns: int) -> Tensor:
    """x and y of the middles of cells in a frame that is 1 wide and 1 high, [rows * columns, 2]."""
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)
