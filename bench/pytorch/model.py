"""A preset's networks with the weights of a safetensors file, by the names it has there."""

import torch
from safetensors import safe_open
from torch import Tensor, nn

from fit import Fit
from prompt_encoder import PromptEncoder

# A matrix is [in, out] there and [out, in] here; a filter is [rows, columns, in, out] there and [out, in, rows, columns] here.
THERE_TO_HERE = {"matrix": (1, 0), "filter": (3, 2, 0, 1)}
HERE_TO_THERE = {"matrix": (1, 0), "filter": (2, 3, 1, 0)}


class Model(nn.Module):
    def __init__(self, preset: dict):
        super().__init__()
        if not preset["local"] or preset.get("low") or preset["encoder"].get("external") or preset.get("height"):
            raise ValueError(f"{preset['name']}: only square base presets with local paths and own words are written here")
        self.preset = preset
        self.prompt = PromptEncoder(preset)
        self.fit = Fit(preset)

    def load(self, path: str) -> None:
        """Every parameter is in the file and the file holds nothing else, or ValueError."""
        own = dict(self.named_parameters())
        with safe_open(path, "pt") as file:
            self.names = list(file.keys())
            if set(map(here, self.names)) != set(own):
                raise ValueError(f"other parameters: {sorted(set(map(here, self.names)) ^ set(own))}")
            for name in self.names:
                tensor = turned(file.get_tensor(name), name, THERE_TO_HERE).to(torch.get_default_dtype())
                if tensor.shape != own[here(name)].shape:
                    raise ValueError(f"{name} is {list(tensor.shape)}, not {list(own[here(name)].shape)}")
                own[here(name)].data = tensor.contiguous()

    def gradients(self) -> dict[str, Tensor]:
        """By the names and in the shapes of the file; those that were not used are left out."""
        own = dict(self.named_parameters())
        grads = {name: own[here(name)].grad for name in self.names}
        return {name: turned(g, name, HERE_TO_THERE).contiguous() for name, g in grads.items() if g is not None}


def here(name: str) -> str:
    *path, last = name.replace("-", "_").split(".")
    if last == "filter":
        path.append("filter")
    return ".".join([*path, "weight" if last in ("matrix", "gain", "filter") else last])


def turned(tensor: Tensor, name: str, order: dict[str, tuple[int, ...]]) -> Tensor:
    kind = name.rsplit(".", 1)[-1]
    return tensor.permute(order[kind]) if kind in order else tensor
