"""A request: what a caller may ask for, checked against what the model makes and takes."""

import json
from dataclasses import dataclass

from .problems import Problem
from .references import Reference, read_reference

FIELDS = {
    *("model", "prompt", "frames", "width", "height", "fps", "steps", "guidance", "seed", "references", "retrieval"),
}
MOST_PROMPT = 20_000


@dataclass(frozen=True)
class VideoRequest:
    prompt: str
    frames: int
    width: int
    height: int
    fps: float
    steps: int
    guidance: float
    seed: int
    references: tuple[Reference, ...]


def parse(body):
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem("HTTP_MALFORMED", "expected JSON") from None
    if not isinstance(asked, dict):
        raise Problem("HTTP_MALFORMED", "expected a JSON object")
    return {name: value for name, value in asked.items() if value is not None}


def read_request(asked, model):
    """`model`: what GET /v1/models says of it."""
    unknown = sorted(set(asked) - FIELDS)
    if unknown:
        raise Problem("EVENT_INVALID", f"unknown field {unknown[0]!r:.80}: expected {', '.join(sorted(FIELDS))}")
    if asked.get("model", model["id"]) != model["id"]:
        raise Problem("MODEL_UNKNOWN", f"model: expected {model['id']}, found {asked['model']!r:.200}")
    if asked.get("retrieval", False) is not False:
        raise Problem("REQUEST_UNSUPPORTED", "retrieval: expected false: a model server has no corpus")
    defaults, limits = model["defaults"], model["limits"]
    every, plus = model["frame_counts"]["every"], model["frame_counts"]["plus"]
    frames = whole(asked, "frames", defaults, 1, limits["frames"])
    if (frames - plus) % every != 0:
        raise Problem("REQUEST_OVER_LIMIT", f"frames: expected {plus} and a multiple of {every}, found {frames}")
    sides = {side: whole(asked, side, defaults, model["multiple"], limits[side]) for side in ("width", "height")}
    for side, value in sides.items():
        if value % model["multiple"] != 0:
            raise Problem("REQUEST_OVER_LIMIT", f"{side}: expected a multiple of {model['multiple']}, found {value}")
    prompt = asked.get("prompt", "")
    if not isinstance(prompt, str) or len(prompt) > MOST_PROMPT:
        raise Problem("EVENT_INVALID", f"prompt: expected a text of at most {MOST_PROMPT} characters")
    return VideoRequest(
        prompt=prompt,
        frames=frames,
        **sides,
        fps=number(asked, "fps", defaults, 0.1, 1000),
        steps=whole(asked, "steps", defaults, 1, 1000),
        guidance=guidance_of(asked, defaults["guidance"]),
        seed=whole(asked, "seed", {"seed": 0}, 0, 2**32 - 1),
        references=references_of(asked.get("references", []), model),
    )


def guidance_of(asked, default):
    """The pipelines have one weight. Of two, that for images has to say the same, or nothing (1)."""
    guidance = asked.get("guidance", default)
    if not isinstance(guidance, dict):
        return number({"guidance": guidance}, "guidance", {}, 0, 100)
    text = number(guidance, "text", {"text": default}, 0, 100)
    image = number(guidance, "image", {"image": 1}, 0, 100)
    if image not in (1, text):
        raise Problem("REQUEST_UNSUPPORTED", f"guidance.image: this model has one weight: expected 1 or {text}, found {image}")
    return text


def references_of(asked, model):
    if not isinstance(asked, list):
        raise Problem("EVENT_INVALID", "references: expected a list")
    limits = model["limits"]
    if len(asked) > limits["images"] + limits["clips"]:
        raise Problem("REQUEST_OVER_LIMIT", f"references: expected at most {limits['images']} images and {limits['clips']} clips, found {len(asked)}")
    roles = [(one.get("role") or "subject") if isinstance(one, dict) else None for one in asked]
    for n, role in enumerate(roles):
        if role in ("subject", "background", "first_frame", "motion") and role not in model["roles"]:
            raise Problem("REQUEST_UNSUPPORTED", f"references.{n}.role: this model takes {', '.join(model['roles']) or 'none'}, found {role}")
    for role in ("first_frame", "motion"):
        if roles.count(role) > 1:
            raise Problem("REQUEST_OVER_LIMIT", f"references: expected one {role}, found {roles.count(role)}")
    if sum(role != "motion" for role in roles) > limits["images"]:
        raise Problem("REQUEST_OVER_LIMIT", f"references: expected at most {limits['images']} images")
    return tuple(read_reference(one, f"references.{n}") for n, one in enumerate(asked))


def number(asked, name, defaults, least, most):
    value = asked.get(name, defaults.get(name))
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Problem("REQUEST_OVER_LIMIT", f"{name}: expected {least} to {most}, found {value!r:.80}")
    return value


def whole(asked, name, defaults, least, most):
    value = number(asked, name, defaults, least, most)
    if value != int(value):
        raise Problem("REQUEST_OVER_LIMIT", f"{name}: expected a whole number, found {value}")
    return int(value)
