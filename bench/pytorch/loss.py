"""src/models/training/loop/loss.ts and src/models/diffusion/denoiser.ts."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from prompt_encoder import Prompts

NEAR = (1 / 16, 1 / 16, 1 / 4, 1 / 2, 1 / 2)


def loss_of(
    model, batch: dict[str, Tensor], prompts: Prompts, self_condition: bool, layout: float, placement: float
) -> Tensor:
    x, eps, frames, fps = batch["x"], batch["eps"], batch["frames"], batch["fps"]
    s = batch["sigma"].double()
    si = model.preset["side"] / 64 * math.sqrt(model.preset["frames"])  # sigma_in; sigma_data is 1
    each = lambda numbers: numbers.to(torch.get_default_dtype()).view(-1, 1, 1, 1, 1)
    noisy = x / si + eps * each(s)
    given = (noisy * each((1 / si**2 + s**2).rsqrt()), batch["sigma"], frames, fps)
    goal = (eps - x * each(s)) * each((s**2 + 1).rsqrt())
    weight = ((s**2 + 1) ** 2 / (s**2 + 1 / si) ** 2).to(torch.get_default_dtype())

    condition = model.prompt(prompts)
    latents = None
    if self_condition:
        with torch.no_grad():
            latents = model.fit(*given, condition).latents
    out = model.fit(*given, condition, latents)

    total = ((out.f - goal).square().mean((1, 2, 3, 4)) * weight).mean()
    known = batch["masks.known"].view(-1, 1, 1)
    for logits, wanted in ((out.planned, batch["masks.cells"]), (out.drawn, batch["masks.patches"])):
        entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        total = total + layout * (entropy * known).mean()
    for placed in out.placed:
        total = total + placement * placement_loss(placed, batch)
    return total


def placement_loss(placed: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    known = batch["places.known"]
    entropy = -(batch["places.heat"] * placed["heat"].log_softmax(-1)).sum()
    away = (placed["pose"] - batch["places.pose"]) / placed["pose"].new_tensor(NEAR)
    distance = (((away.square().sum(-1) + 1).sqrt() - 1) * known).sum()
    return (0.3 * entropy + distance) / known.sum().clamp(min=1)
