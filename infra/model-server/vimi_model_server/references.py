"""References of a request: images and clips, decoded from data URLs. All of it is a stranger's until it is checked."""

import base64
import binascii
import io
import re
from dataclasses import dataclass

import av
from PIL import Image, ImageOps

from .problems import Problem

ROLES = ("subject", "background", "first_frame", "motion")
FORMATS = ["PNG", "JPEG", "WEBP"]
MOST_PIXELS = 40_000_000
MOST_CLIP_FRAMES = 1024
DATA_URL = re.compile(r"data:(image/(?:png|jpeg|webp)|video/mp4);base64,", re.ASCII)

Image.MAX_IMAGE_PIXELS = MOST_PIXELS


@dataclass(frozen=True)
class Reference:
    role: str
    entity: str | None
    """The words that it stands for."""
    image: Image.Image | None
    clip: list | None
    """Frames as images."""


def read_reference(asked, where):
    if not isinstance(asked, dict):
        raise Problem("EVENT_INVALID", f"{where}: expected an object with role and data_url")
    unknown = sorted(set(asked) - {"role", "entity", "data_url"})
    if unknown:
        raise Problem("EVENT_INVALID", f"{where}: unknown field {unknown[0]!r:.80}: expected role, entity, data_url")
    role = asked.get("role") or "subject"
    if role not in ROLES:
        raise Problem("EVENT_INVALID", f"{where}.role: expected {', '.join(ROLES)}, found {role!r:.80}")
    entity = asked.get("entity")
    if entity is not None and not (isinstance(entity, str) and len(entity) <= 4000):
        raise Problem("EVENT_INVALID", f"{where}.entity: expected a text of at most 4000 characters")
    kind, content = read_data_url(asked.get("data_url"), f"{where}.data_url")
    if (kind == "video/mp4") != (role == "motion"):
        raise Problem("EVENT_INVALID", f"{where}: expected a clip for the role motion, and an image for every other")
    if role == "motion":
        return Reference(role, entity, None, read_clip(content, where))
    return Reference(role, entity, read_image(content, where), None)


def read_data_url(url, where):
    found = DATA_URL.match(url) if isinstance(url, str) else None
    if not found:
        raise Problem("EVENT_INVALID", f"{where}: expected a data URL in base64: image/png, image/jpeg, image/webp or video/mp4")
    try:
        return found.group(1), base64.b64decode(url[found.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise Problem("EVENT_INVALID", f"{where}: expected base64") from None


def read_image(content, where):
    """Upright, in RGB, transparent pixels laid on white."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise Problem("MEDIA_TOO_LARGE", f"{where}: expected at most {MOST_PIXELS} pixels")
        image = ImageOps.exif_transpose(image).convert("RGBA")
    except Problem:
        raise
    except Image.DecompressionBombError:
        raise Problem("MEDIA_TOO_LARGE", f"{where}: expected at most {MOST_PIXELS} pixels") from None
    except Exception:
        raise Problem("MEDIA_DAMAGED", f"{where}: expected an image that can be decoded") from None
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def read_clip(content, where):
    frames = []
    try:
        with av.open(io.BytesIO(content), format="mp4", mode="r") as container:
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise Problem("MEDIA_TOO_LARGE", f"{where}: expected frames of at most {MOST_PIXELS} pixels")
            for frame in container.decode(stream):
                if len(frames) == MOST_CLIP_FRAMES or frame.width * frame.height * (len(frames) + 1) > 8 * MOST_PIXELS:
                    raise Problem("MEDIA_TOO_LARGE", f"{where}: expected a shorter or smaller clip")
                frames.append(frame.to_image())
    except Problem:
        raise
    except Exception:
        raise Problem("MEDIA_DAMAGED", f"{where}: expected an MP4 that can be decoded") from None
    if not frames:
        raise Problem("MEDIA_DAMAGED", f"{where}: expected at least one frame")
    return frames
