"""Reads shards of training samples with nothing but Python: each sample whole, with the images and clips that it names.

    python read_samples.py SHARD.tar...

A shard is a WebDataset tar. What samples share comes first, each once: images/SHA256, and clips/SHA256 for motion
examples (MP4). Then the samples, each with the same members: .mp4 (.webp in a shard of stills), .txt (the caption) and .json. See docs/guides/read-videos-and-samples.md.
"""

import json
import sys
import tarfile


def samples(path):
    """Yields (key, members, shared); members by their ending, .json decoded; images and clips by their SHA-256."""
    shared = {}
    key, members = None, {}
    with tarfile.open(path) as tar:
        for entry in tar:
            if not entry.isreg():
                continue
            content = tar.extractfile(entry).read()
            if entry.name.startswith(("images/", "clips/")):
                shared[entry.name.partition("/")[2]] = content
                continue
            name, _, ending = entry.name.partition(".")
            if members and name != key:
                yield key, members, shared_by(members, shared)
                members = {}
            key = name
            members[ending] = json.loads(content) if ending == "json" else content
    if members:
        yield key, members, shared_by(members, shared)


def shared_by(members, shared):
    """The images and clips that the sample's prompt or its context name."""
    facts = members["json"]
    parts, context = facts["prompt"]["parts"], json.loads(facts["context"])
    # Shards with a layout before 4 have no clips.
    named = {part.get(kind, "") for part in parts for kind in ("image", "clip")} - {""}
    named |= {entry[kind]["sha256"] for entry in context for kind in ("image", "clip") if kind in entry}
    return {digest: shared[digest] for digest in named}


if __name__ == "__main__":
    for shard in sys.argv[1:]:
        for key, members, shared in samples(shard):
            sizes = ", ".join(f"{len(content)} bytes" for content in shared.values())
            print(f"{key}: {members['txt'].decode()} ({sizes or 'nothing shared'})")
