"""The video calls of OpenAI's client against a served vimi. Arguments: the address, an image. Prints a line a call."""

import sys
import tempfile
import warnings
from pathlib import Path

import openai

# OpenAI's own video service has ended.
warnings.simplefilter("ignore", DeprecationWarning)
address, image = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)

video = client.videos.create_and_poll(prompt="a fox moves left", model="fake", seconds="1", size="32x32")
assert (video.status, video.progress, video.seconds) == ("completed", 100, "1"), video
print("create_and_poll", video.status, video.size)

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
listed = [one.id for one in client.videos.list(limit=1)]
assert listed == [grounded.id, video.id], listed
print("create with input_reference, poll, retrieve, list over", len(listed), "pages")

assert client.videos.delete(grounded.id).deleted
for call, refused, code in (
    (lambda: client.videos.retrieve(grounded.id), openai.NotFoundError, "JOB_NOT_FOUND"),
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
