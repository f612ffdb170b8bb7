#!/usr/bin/env bash
# Shards are read by what training teams use: the webdataset package, Hugging Face's load_dataset("webdataset"), streaming
# and not, and mosaicml-streaming after conversion. Each must give every sample, its caption and its facts, with their types.
#   infra/check-webdataset.sh [SHARD.tar...]      without a name: shards written for the purpose
# Needs Debian's python3-torch and python3-torchvision (installed when missing: PyTorch without CUDA is in no package
# index); keeps a Python environment in ~/.cache/vimi/readers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ $# -eq 0 ]; then
  mapfile -t shards < <(node "$here/write-sample-shard.mjs" "$folder/shards")
  set -- "${shards[@]}"
fi

if ! /usr/bin/python3 -c 'import torch, torchvision, venv, ensurepip' 2>/dev/null; then
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends python3-torch python3-torchvision python3-venv >/dev/null
fi
python=${VIMI_READERS:-$HOME/.cache/vimi/readers}
if ! cmp -s "$here/readers/requirements.txt" "$python/requirements.txt"; then
  rm -rf "$python"
  /usr/bin/python3 -m venv --system-site-packages "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check -r "$here/readers/requirements.txt"
  "$python/bin/pip" install --quiet --disable-pip-version-check --no-deps mosaicml-streaming==0.13.0
  cp "$here/readers/requirements.txt" "$python/"
fi

HF_HUB_OFFLINE=1 HF_DATASETS_CACHE="$folder/hf" PYTHONWARNINGS=ignore "$python/bin/python" "$here/readers/check_shards.py" "$@"
