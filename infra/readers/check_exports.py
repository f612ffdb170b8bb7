"""What `vimi samples export` writes is read by pyarrow, lance and mlcroissant, and says what the shards say.

    check_exports.py FOLDER SHARD.tar...

FOLDER holds the exports `parquet`, `embedded`, `lance`, `lance-embedded` and `croissant` of exactly these shards.
"""

import hashlib
import importlib.metadata
import json
import os
import sys

import lance
import mlcroissant
import pyarrow
import pyarrow.parquet

sys.path.append(os.path.join(os.path.dirname(__file__), "../../examples/clients/python"))
from read_samples import samples  # noqa: E402

folder, *shards = sys.argv[1:]
wanted = {key: (members, shared) for shard in shards for key, members, shared in samples(shard)}


def bytes_at(path, offset, length):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def check_row(row, tar):
    members, shared = wanted[row["name"]]
    facts, clip = members["json"], members["json"]["clip"]
    assert row["caption"] == facts["caption"] and facts["caption"] in row["captions"]
    for column, found in {"width": "width", "height": "height", "frames": "frames", "fps": "fps"}.items():
        assert row[column] == clip[found], f"{row['name']}: {column} is {row[column]}, not {clip[found]}"
    assert (row["seconds"], row["score_motion"]) == (clip["duration"], clip["motion"])
    assert row["score_sharpness"] == facts["scores"]["sharpness"]
    for column, found in {"uri": "uri", "source": "source", "licence": "licence", "source_sha256": "sha256"}.items():
        assert row[column] == facts["provenance"][found]
    context = json.loads(facts["context"])
    assert list(row["context"]) == [one["document"] for one in context]
    assert list(row["context_captions"]) == [one["caption"] for one in context]
    assert json.loads(row["context_json"]) == context and json.loads(row["prompt"]) == facts["prompt"]
    assert bytes_at(tar, row["clip_offset"], row["clip_bytes"]) == members["mp4"], f"{row['name']}: another clip"
    assert json.loads(bytes_at(tar, row["json_offset"], row["json_bytes"])) == facts
    assert sorted([*row["images"], *row["motions"]]) == sorted(shared)
    places = {kind: zip(row[f"{kind}s"], row[f"{kind}_offsets"], row[f"{kind}_bytes"]) for kind in ("image", "motion")}
    for digest, offset, length in [*places["image"], *places["motion"]]:
        assert hashlib.sha256(bytes_at(tar, offset, length)).hexdigest() == digest


def check_all(names):
    assert sorted(names) == sorted(wanted), f"other samples: {sorted(names)}"


by_name = {os.path.basename(path): path for path in shards}
for export in ("parquet", "embedded", "lance", "lance-embedded"):
    if "lance" in export:
        table = lance.dataset(f"{folder}/{export}/samples.lance").to_table()
    else:
        table = pyarrow.parquet.read_table(f"{folder}/{export}/samples.parquet")
    rows = table.to_pylist()
    check_all([row["name"] for row in rows])
    for row in rows:
        check_row(row, by_name[os.path.basename(row["shard"])])
        assert "embedded" not in export or row["clip"] == wanted[row["name"]][0]["mp4"]
print(f"pyarrow {pyarrow.__version__}, lance {lance.__version__}: the same, with clips and without")


def plain(value):
    """mlcroissant gives texts as bytes."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


dataset = mlcroissant.Dataset(jsonld=f"{folder}/croissant/croissant.json")
assert not dataset.metadata.ctx.issues.errors, dataset.metadata.ctx.issues.errors
records = [
    {name.removeprefix("samples/"): plain(value) for name, value in record.items()}
    for record in dataset.records("samples")
]
check_all([row["name"] for row in records])
for row in records:
    check_row(row, f"{folder}/croissant/{row['shard']}")
clips = {plain(record["clips/name"]): record["clips/clip"] for record in dataset.records("clips")}
check_all(clips)
for name, clip in clips.items():
    assert clip == wanted[name][0]["mp4"], f"{name}: another clip"
described = {one.content_url: one.sha256 for one in dataset.metadata.distribution if hasattr(one, "sha256") and one.sha256}
for path, sha256 in described.items():
    with open(f"{folder}/croissant/{path}", "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256, f"{path} is another"
assert len(described) == len(shards) + 1
print(f"mlcroissant {importlib.metadata.version('mlcroissant')}: the same records, and {len(clips)} clips")
