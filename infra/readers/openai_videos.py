"""The video calls of OpenAI's client against a served vimi. Arguments: the address, an image. Prints a line a call."""

import sys
import tempfile
import warnings
from pathlib import Path

import openai
import pydantic

# OpenAI's own video service has ended.
warnings.simplefilter("ignore", DeprecationWarning)
address, image = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)



def refuse_types(video):
    """Fails for a field whose type the client does not expect, except a size: it knows four of them, and of another service."""
    try:
        openai.types.Video.model_validate(video.model_dump())
    except pydantic.ValidationError as error:
        others = [one for one in error.errors() if one["type"] != "literal_error" or one["loc"] != ("size",)]
        assert others == [], others


video = client.videos.create(prompt="a fox moves left", model="fake", seconds="1", size="32x32")
refuse_types(video)
assert (video.status, video.seconds, video.size) == ("queued", "1", "32x32"), video
video = client.videos.create_and_poll(prompt="a fox moves left", model="fake", seconds="1", size="32x32")
refuse_types(video)
assert (video.status, video.progress, video.seconds) == ("completed", 100, "1"), video
print("create and create_and_poll", video.status, video.size)

path = Path(tempfile.mkdtemp()) / "fox.mp4"
client.videos.download_content(video.id).write_to_file(path)
assert path.read_bytes()[4:8] == b"ftyp"
for variant in ("thumbnail", "spritesheet"):
    assert client.videos.download_content(video.id, variant=variant).read()[:4] == b"RIFF", variant
print("download_content", path.stat().st_size, "bytes, a thumbnail, a spritesheet")

grounded = client.videos.create(prompt="it moves left", input_reference=Path(image), seconds="1")
grounded = client.videos.poll(grounded.id)
assert grounded.status == "completed", grounded
assert client.videos.retrieve(grounded.id).id == grounded.id
newest = [one.id for one in client.videos.list(limit=1)]
oldest = [one.id for one in client.videos.list(limit=1, order="asc")]
assert newest[:2] == [grounded.id, video.id] and newest == oldest[::-1], newest
assert [one.id for one in client.videos.list(order="asc", after=oldest[1])] == [grounded.id]
print("create with input_reference, poll, retrieve, list over", len(newest), "pages, either way, and from one on")

# The client sends what it does not know as fields of a form, whose names have brackets.
more = {"seed": 7, "retrieval": {"mode": "lexical", "k": 2}, "references": [{"role": "subject", "entity": "fox", "video_id": video.id}]}
for files in ({}, {"input_reference": Path(image)}):
    asked = client.videos.create(prompt="a fox moves left", extra_body=more, **files).request["asked"]
    assert (asked["seed"], asked["retrieval"]) == (7, {"mode": "lexical", "k": 2}), asked
    assert [part["entity"] for part in asked["prompt"] if "entity" in part] == ["fox"], asked
print("create with extra_body, alone and beside a file")

once = {client.videos.create(prompt="a fox", extra_headers={"Idempotency-Key": "order-66"}).id for _ in range(3)}
assert len(once) == 1, once
assert [one.id for one in client.models.list()] == [client.models.retrieve("fake").id]
print("an idempotency key, models.list, models.retrieve")

assert client.videos.delete(grounded.id).deleted
for call, refused, code in (
    (lambda: client.videos.retrieve(grounded.id), openai.NotFoundError, "JOB_NOT_FOUND"),
    (lambda: client.videos.remix(video.id, prompt="a fox"), openai.NotFoundError, "ROUTE_UNKNOWN"),
    (lambda: client.models.retrieve("sora-2"), openai.NotFoundError, "MODEL_UNKNOWN"),
    (lambda: client.videos.list(limit=1000), openai.BadRequestError, "HTTP_MALFORMED"),
    (lambda: client.videos.create(prompt="a fox", seconds="ten"), openai.UnprocessableEntityError, "EVENT_INVALID"),
    (lambda: client.videos.create(prompt="a fox", model="sora-2"), openai.UnprocessableEntityError, "MODEL_UNKNOWN"),
):
    try:
        call()
    except refused as error:
        assert error.code == code, error
        print("refused", error)
    else:
        raise AssertionError(f"{code} was expected")
