"""Every reader of shards that people use gives the same samples, with the same types, as Python's own tar and JSON do.

    check_shards.py datasets|streaming SHARD.tar...

`datasets`: the webdataset package, and Hugging Face's load_dataset; `streaming`: mosaicml-streaming, after conversion.
They cannot be installed side by side.
"""

import hashlib
import json
import os
import sys
import tempfile

import webdataset

sys.path.append(os.path.join(os.path.dirname(__file__), "../../examples/clients/python"))
from read_samples import samples  # noqa: E402

reader, *shards = sys.argv[1:]
shards = [os.path.abspath(path) for path in shards]
wanted = {}
for shard in shards:
    for key, members, shared in samples(shard):
        assert sorted(members) == ["json", "mp4", "txt"], f"{key} has {sorted(members)}"
        facts = members["json"]
        assert members["txt"].decode() == facts["caption"]
        for digest, content in shared.items():
            assert hashlib.sha256(content).hexdigest() == digest, f"{key}: an image or clip is another"
        for name in ("start", "duration", "fps", "motion"):
            assert type(facts["clip"][name]) is float, f"{key}: clip.{name} is no float"
        wanted[key] = (members["mp4"], members["txt"].decode(), facts)
assert wanted, "there is no sample"
rates = sorted({round(facts["clip"]["fps"], 2) for _, _, facts in wanted.values()})
found = [json.loads(facts["context"]) for _, _, facts in wanted.values()]
contexts = sorted({len(context) for context in found})
motions = sum("clip" in entry for context in found for entry in context)
print(
    f"{len(shards)} shards, {len(wanted)} samples, {rates} frames a second, contexts of {contexts} documents,"
    f" {motions} motion examples"
)


def compare(reader, found):
    assert list(found) == list(wanted), f"{reader}: other keys: {list(found)}"
    for key, (video, caption, facts) in wanted.items():
        assert found[key][0] == video, f"{reader}: {key} has another clip"
        assert found[key][1] == caption, f"{reader}: {key} has another caption"
        assert typed(found[key][2]) == typed(facts), f"{reader}: {key} has other facts: {found[key][2]}, not {facts}"
    print(f"{reader}: the same")


def typed(value):
    """1 and 1.0 are equal in Python, and are not the same here."""
    if isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [typed(inner) for inner in value]
    return (type(value).__name__, value)


urls = [f"file:{path}" for path in shards]


def check_datasets(folder):
    import datasets

    reading = webdataset.WebDataset(urls, shardshuffle=False).decode().to_tuple("__key__", "mp4", "txt", "json")
    compare(f"webdataset {webdataset.__version__}", {key: rest for key, *rest in reading})
    for streaming in (False, True):
        loaded = datasets.load_dataset(
            "webdataset", data_files={"train": shards}, split="train", streaming=streaming, cache_dir=folder
        )
        assert set(loaded.features) == {"mp4", "txt", "json", "__key__", "__url__"}, loaded.features
        rows = loaded.cast_column("mp4", datasets.Video(decode=False))
        compare(
            f"datasets {datasets.__version__}{', streaming' if streaming else ''}",
            {row["__key__"]: (row["mp4"]["bytes"], row["txt"], row["json"]) for row in rows},
        )


def check_streaming(folder):
    from streaming import MDSWriter, StreamingDataset

    columns = {"key": "str", "mp4": "bytes", "txt": "str", "json": "json"}
    with MDSWriter(out=folder, columns=columns, exist_ok=True) as writer:
        for sample in webdataset.WebDataset(urls, shardshuffle=False).decode():
            writer.write({"key": sample["__key__"], **{name: sample[name] for name in ("mp4", "txt", "json")}})
    rows = StreamingDataset(local=folder, shuffle=False, batch_size=1)
    compare("mosaicml-streaming, converted", {row["key"]: (row["mp4"], row["txt"], row["json"]) for row in rows})


with tempfile.TemporaryDirectory() as folder:
    {"datasets": check_datasets, "streaming": check_streaming}[reader](folder)
