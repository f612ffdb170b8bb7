#!/usr/bin/env bash
# Reads shards with the webdataset Python package, as a training team would, and checks that every sample is whole.
#   infra/check-webdataset.sh [SHARD.tar...]      without a name: a shard of the example clips, written for the purpose
# Uses a Python that has webdataset, else installs it into a temporary environment (this needs a package index).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ $# -eq 0 ]; then
  shard=$(node "$(dirname "$0")/write-sample-shard.mjs" "$folder/shard")
  set -- "$shard"
fi

python=python3
if ! python3 -c 'import webdataset' 2>/dev/null; then
  python3 -m venv "$folder/python"
  "$folder/python/bin/pip" install --quiet --disable-pip-version-check webdataset
  python=$folder/python/bin/python
fi

"$python" - "$@" <<'PYTHON'
import hashlib, json, os, sys
import webdataset

for path in sys.argv[1:]:
    count = 0
    for sample in webdataset.WebDataset("file:" + os.path.abspath(path), shardshuffle=False):
        key = sample["__key__"]
        facts = json.loads(sample["json"])
        clip = "mp4" if facts["clip"]["kind"] == "clip" else "webp"
        assert len(sample[clip]) > 0, f"{path}: {key} has no {clip}"
        assert facts["caption"] and facts["prompt"]["parts"], f"{path}: {key} has no prompt"
        for n, entry in enumerate(facts["context"]):
            image = sample[f"ctx{n}.webp"]
            found = hashlib.sha256(image).hexdigest()
            assert found == entry["image"]["sha256"], f"{path}: {key}.ctx{n} is another image"
        count += 1
    assert count > 0, f"{path} holds no sample"
    print(f"{path}: {count} samples")
PYTHON
