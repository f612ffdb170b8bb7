"""Reads shards of training samples with nothing but Python: each sample whole, with the pictures that it names.

    python read_samples.py SHARD.tar...

A shard is a WebDataset tar. Its pictures come first, each once, as images/SHA256; then the samples, each with the same
members: .mp4 (.webp in a shard of stills), .txt (the caption) and .json. See docs/samples.md.
"""

import json
import sys
import tarfile


def samples(path):
    """Yields (key, members, pictures); members by their ending, .json decoded; pictures by their SHA-256."""
    pictures = {}
    key, members = None, {}
    with tarfile.open(path) as tar:
        for entry in tar:
            if not entry.isreg():
                continue
            content = tar.extractfile(entry).read()
            if entry.name.startswith("images/"):
                pictures[entry.name.removeprefix("images/")] = content
                continue
            name, _, ending = entry.name.partition(".")
            if members and name != key:
                yield key, members, pictures_of(members, pictures)
                members = {}
            key = name
            members[ending] = json.loads(content) if ending == "json" else content
    if members:
        yield key, members, pictures_of(members, pictures)


def pictures_of(members, pictures):
    """Those that the sample's prompt or its context name."""
    facts = members["json"]
    named = {part["image"] for part in facts["prompt"]["parts"]} - {""}
    named |= {entry["image"]["sha256"] for entry in json.loads(facts["context"])}
    return {digest: pictures[digest] for digest in named}


if __name__ == "__main__":
    for shard in sys.argv[1:]:
        for key, members, pictures in samples(shard):
            sizes = ", ".join(f"{len(image)} bytes" for image in pictures.values())
            print(f"{key}: {members['txt'].decode()} ({sizes or 'no picture'})")
