"""A pipeline of diffusers from a local folder: what it takes, and how our roles become its arguments.

    subject, background   reference_images
    first_frame           image where the pipeline has it; else the first frame of video, which mask keeps
    motion                video, in grey, which mask gives to the model to be painted over
"""

import hashlib
import inspect
import os
from pathlib import Path

# Before the libraries are loaded: nothing is ever fetched, and CUDA computes the same again.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import diffusers
import numpy as np
import torch
from PIL import Image, ImageOps

from .problems import Cancelled

MOST_REFERENCES = 8
"""Images of a request: pipelines take any number, memory does not."""
LEAST_SIDE = 64
"""A smaller reference is enlarged: pipelines round its sides down to multiples, and 0 is one."""


class Model:
    def __init__(self, folder, *, name=None, device="cpu", dtype=None, offload=False, negative_prompt="", settings=None):
        self.folder = Path(folder)
        if not (self.folder / "model_index.json").is_file():
            raise FileNotFoundError(f"{folder}: expected a folder in diffusers' format, with model_index.json")
        self.device = device
        self.negative_prompt = negative_prompt
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        dtype = getattr(torch, dtype or ("float32" if device == "cpu" else "bfloat16"))
        # The decoder of a video model in 16 bits leaves bands in the sky.
        self.pipeline = diffusers.DiffusionPipeline.from_pretrained(
            self.folder,
            dtype={"default": dtype, "vae": torch.float32},
            local_files_only=True,
            use_safetensors=True,
        )
        if offload:
            self.pipeline.enable_model_cpu_offload(device=device)
        else:
            self.pipeline.to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.arguments = inspect.signature(self.pipeline.__call__).parameters
        self.description = self._describe(name or self.folder.resolve().name, settings or {})

    def _describe(self, name, settings):
        default = lambda argument, other: settings.get(argument) or self._default(argument) or other
        size = {"frames": settings.get("frames") or self._default("num_frames") or 1}
        size |= {side: default(side, 512) for side in ("width", "height")}
        temporal, multiple = self._multiples()
        roles = [*self._reference_roles(), *self._frame_roles()]
        images = sum(MOST_REFERENCES if role == "subject" else role == "first_frame" for role in roles)
        return {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "vimi",
            "backend": f"torch {torch.__version__} {self._device_name()}",
            "sampler": type(self.pipeline.scheduler).__name__,
            "parameters": sum(
                weight.numel()
                for part in self.pipeline.components.values()
                if isinstance(part, torch.nn.Module)
                for weight in part.parameters()
            ),
            "weights": hash_of(self.folder),
            "defaults": {
                **size,
                "fps": settings.get("fps") or 16,
                "steps": settings.get("steps") or self._default("num_inference_steps") or 50,
                "guidance": settings.get("guidance") or self._default("guidance_scale") or 1,
            },
            "limits": {
                "frames": settings.get("max_frames") or size["frames"],
                "width": settings.get("max_side") or max(size["width"], size["height"]),
                "height": settings.get("max_side") or max(size["width"], size["height"]),
                "images": images,
                "clips": int("motion" in roles),
            },
            "multiple": multiple,
            "frame_counts": {"every": temporal, "plus": 1 if temporal > 1 else 0},
            "roles": roles,
            "entities": True,
            "content": ["frames", "video"],
        }

    def _default(self, argument):
        value = self.arguments[argument].default if argument in self.arguments else None
        return value if isinstance(value, int | float) else None

    def _multiples(self):
        """Frames are a multiple of the first and 1, sides of the second."""
        part = getattr(self.pipeline, "transformer", None) or getattr(self.pipeline, "unet", None)
        patch = getattr(getattr(part, "config", None), "patch_size", 1) or 1
        patch = patch[-1] if isinstance(patch, list | tuple) else patch
        spatial = getattr(self.pipeline, "vae_scale_factor_spatial", None) or getattr(self.pipeline, "vae_scale_factor", 8)
        return getattr(self.pipeline, "vae_scale_factor_temporal", 1), spatial * patch

    def _reference_roles(self):
        return ["subject", "background"] if "reference_images" in self.arguments else []

    def _frame_roles(self):
        has_canvas = {"video", "mask"} <= set(self.arguments)
        return [
            *(["first_frame"] if "image" in self.arguments or has_canvas else []),
            *(["motion"] if has_canvas else []),
        ]

    def _device_name(self):
        return torch.cuda.get_device_name(self.device) if str(self.device).startswith("cuda") else str(self.device)

    def generate(self, request, *, on_step, is_cancelled):
        """Frames as uint8, (frames, height, width, 3). The same request gives the same frames on the same device. Cancelled."""

        def at_border(pipeline, step, timestep, tensors):
            on_step(step + 1)
            if is_cancelled():
                raise Cancelled
            return tensors

        if is_cancelled():
            raise Cancelled
        optional = {
            "guidance_scale": request.guidance,
            "negative_prompt": self.negative_prompt,
        }
        try:
            made = self.pipeline(
                prompt=prompt_of(request),
                height=request.height,
                width=request.width,
                num_frames=request.frames,
                num_inference_steps=request.steps,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                output_type="np",
                callback_on_step_end=at_border,
                **{name: value for name, value in optional.items() if name in self.arguments},
                **self._conditions(request),
            )
        except Cancelled:
            self.pipeline.maybe_free_model_hooks()
            raise
        return np.clip(np.rint(np.asarray(made.frames[0]) * 255), 0, 255).astype(np.uint8)

    def free_memory(self):
        self.pipeline.maybe_free_model_hooks()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _conditions(self, request):
        by_role = lambda *roles: [one for one in request.references if one.role in roles]
        size = (request.width, request.height)
        arguments = {}
        references = [enlarged(one.image) for one in by_role("subject", "background")]
        if references:
            arguments["reference_images"] = references
        first = [ImageOps.fit(one.image, size) for one in by_role("first_frame")]
        motion = [one.clip for one in by_role("motion")]
        if first and "image" in self.arguments:
            return arguments | {"image": first[0]}
        if first or motion:
            arguments |= canvas(first, motion, request.frames, size)
        return arguments


def canvas(first, motion, frames, size):
    """video and mask: black keeps what lies there, white is painted."""
    if motion:
        [clip] = motion
        shown = [clip[n * len(clip) // frames] for n in range(frames)]
        video = [ImageOps.fit(image, size).convert("L").convert("RGB") for image in shown]
    else:
        video = [Image.new("RGB", size, (128, 128, 128)) for _ in range(frames)]
    mask = [Image.new("L", size, 255) for _ in range(frames)]
    if first:
        video[0], mask[0] = first[0], Image.new("L", size, 0)
    return {"video": video, "mask": mask}


def enlarged(image):
    side = min(image.size)
    if side >= LEAST_SIDE:
        return image
    return image.resize([round(length * LEAST_SIDE / side) for length in image.size], Image.Resampling.BICUBIC)


def prompt_of(request):
    """The text, and what each image that has words of its own shows."""
    images = [one for one in request.references if one.role != "motion"]
    said = [f"Image {n} shows {one.entity.strip().rstrip('.')}." for n, one in enumerate(images, 1) if one.entity]
    return " ".join([request.prompt, *said]).strip()


def hash_of(folder):
    """Of all that decides what the model computes, whatever the folder is called: names and contents of its files."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        if path.suffix not in (".safetensors", ".json", ".txt", ".model"):
            continue
        with path.open("rb") as file:
            whole.update(f"{inside.as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
