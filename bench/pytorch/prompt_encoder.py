"""src/models/networks/prompt-encoder.ts and word-tokens.ts (words of the preset's own).

B prompts   N tokens: the whole, W words, 16 patches an image   K images   C width
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from layers import Norm, TransformerLayer, grid_positions, patches, waves

COARSE = 8
REACH = 12
ROLES = 4


@dataclass
class Prompts:
    """What prompts hold, one row an item; `at` says of each item [prompt, number among its kind, place in the prompt]."""

    B: int
    W: int
    K: int
    word_at: Tensor
    rows: Tensor  # table rows of all words, one after another
    offsets: Tensor  # where each word's rows begin
    shares: Tensor  # what each row counts in its word
    image_at: Tensor
    roles: Tensor
    pixels: Tensor  # [images, side, side, 4]

    @staticmethod
    def read(tensors: dict[str, Tensor], B: int) -> "Prompts":
        word_at, image_at = tensors["words.at"].long(), tensors["images.at"].long()
        counts = tensors["words.counts"].long()
        most = lambda at: int(at[:, 1].max()) + 1 if len(at) else 0
        return Prompts(
            B=B,
            W=most(word_at),
            K=most(image_at),
            word_at=word_at,
            rows=tensors["words.rows"].long(),
            offsets=counts.cumsum(0) - counts,
            shares=counts.to(torch.get_default_dtype()).rsqrt().repeat_interleave(counts),
            image_at=image_at,
            roles=tensors["images.roles"].long(),
            pixels=tensors["images.pixels"],
        )


@dataclass
class Images:
    pixels: Tensor  # [B, K, side, side, 4]
    meaning: Tensor  # [B, K, C]
    present: Tensor  # [B, K]


@dataclass
class Condition:
    tokens: Tensor  # [B, N, C]
    mask: Tensor  # [B, 1, 1, N]
    images: Images | None


class PromptEncoder(nn.Module):
    def __init__(self, preset: dict):
        super().__init__()
        C, sizes = preset["width"], preset["encoder"]
        self.coarse_side = sizes["imageSide"] // COARSE
        self.layers = [f"layer{i}" for i in range(sizes["layers"])]
        self.words = nn.Parameter(torch.empty(sizes["vocabulary"], C))
        self.whole = nn.Parameter(torch.empty(1, C))
        self.roles = nn.Parameter(torch.empty(ROLES, C))
        self.coarse = nn.Linear(COARSE**2 * 3, C)
        for name in self.layers:
            self.add_module(name, TransformerLayer(C, preset["heads"], preset["ratio"]))
        self.finish = Norm(C)
        self.distance = nn.Parameter(torch.empty(2 * REACH + 1, preset["heads"]))
        self.register_buffer("coarse_places", grid_positions(self.coarse_side, self.coarse_side, C), persistent=False)

    def forward(self, prompts: Prompts) -> Condition:
        B, W, K, C = prompts.B, prompts.W, prompts.K, self.whole.shape[1]
        present = torch.zeros(B, W + K)
        order = torch.zeros(B, W + K)
        for at, first in ((prompts.word_at, 0), (prompts.image_at, W)):
            present[at[:, 0], first + at[:, 1]] = 1
            order[at[:, 0], first + at[:, 1]] = at[:, 2].to(torch.get_default_dtype())
        places = [order[:, :W], order[:, W:].repeat_interleave(self.coarse_side**2, 1)]
        order = 0.5 * waves(order, C, longest=256, shortest=4)

        parts, masks = [self.whole.expand(B, 1, C)], [torch.ones(B, 1)]
        if W > 0:
            spelled = F.embedding_bag(
                prompts.rows, self.words, prompts.offsets, mode="sum", per_sample_weights=prompts.shares
            )
            words = self.words.new_zeros(B, W, C).index_put((prompts.word_at[:, 0], prompts.word_at[:, 1]), spelled)
            parts.append(words + order[:, :W])
            masks.append(present[:, :W])
        if K > 0:
            n = self.coarse_side**2
            index = (prompts.image_at[:, 0], prompts.image_at[:, 1])
            pixels = prompts.pixels.new_zeros(B, K, *prompts.pixels.shape[1:]).index_put(index, prompts.pixels)
            about = self.roles.new_zeros(B, K, C).index_put(index, self.roles[prompts.roles]) + order[:, W:]
            tokens = self.coarse(patches(pixels[..., :3].flatten(0, 1), COARSE)).view(B, K, n, C)
            parts.append((tokens + self.coarse_places + about[:, :, None]).flatten(1, 2))
            masks.append(present[:, W:].repeat_interleave(n, 1))

        x = torch.cat(parts, 1)
        mask = torch.cat(masks, 1).bool()[:, None, None]
        # The prompt as a whole, first, has no place.
        places = torch.cat(places, 1)
        apart = (places[:, None, :] - places[:, :, None]).clamp(-REACH, REACH).long() + REACH
        near = F.pad(10 * self.distance[apart].permute(0, 3, 1, 2), (1, 0, 1, 0))
        seen = near.masked_fill(~mask, -torch.inf)
        for name in self.layers:
            x = getattr(self, name)(x, seen)
        tokens = self.finish(x)
        if K == 0:
            return Condition(tokens, mask, None)
        meaning = tokens[:, 1 + W :].reshape(B, K, -1, C).mean(2)
        return Condition(tokens, mask, Images(pixels, meaning, present[:, W:]))
