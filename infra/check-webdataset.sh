#!/usr/bin/env bash
# Shards are read by what training teams use: the webdataset package, Hugging Face's load_dataset("webdataset"), streaming
# and not, and mosaicml-streaming after conversion. Each must give every sample, its caption and its facts, with their types.
# Exports of the same samples are read by pyarrow, lance and mlcroissant.
#   infra/check-webdataset.sh [SHARD.tar...]      without a name: shards written for the purpose
# Keeps two Python environments in ~/.cache/vimi/readers (less than 1 GB; VIMI_READERS names another place). PyTorch, which
# mosaicml-streaming needs, comes from Debian, without CUDA.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${VIMI_READERS:-$HOME/.cache/vimi/readers}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

system=/usr/bin/python3
if ! "$system" -c 'import ensurepip, torch, torchvision' 2>/dev/null; then
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    python3-venv python3-torch python3-torchvision >/dev/null
fi

# An environment is complete when the list that it was made from lies in it.
prepare() { # NAME VENV-OPTION
  cmp -s "$here/readers/$1.txt" "$cache/$1/made-from.txt" && return
  rm -rf "${cache:?}/$1"
  "$system" -m venv "${@:2}" "$cache/$1"
  "$cache/$1/bin/pip" install --quiet --disable-pip-version-check -r "$here/readers/$1.txt"
  [ "$1" = datasets ] ||
    "$cache/$1/bin/pip" install --quiet --disable-pip-version-check --no-deps mosaicml-streaming==0.13.0
  cp "$here/readers/$1.txt" "$cache/$1/made-from.txt"
}
prepare datasets
prepare streaming --system-site-packages

own=
if [ $# -eq 0 ]; then
  own=yes
  mapfile -t shards < <(node "$here/write-sample-shard.mjs" "$folder/shards" 2>"$folder/log" || cat "$folder/log" >&2)
  set -- "${shards[@]}"
fi
for reader in datasets streaming; do
  # What libraries say of each other is of use only when something fails.
  HF_HUB_OFFLINE=1 "$cache/$reader/bin/python" "$here/readers/check_shards.py" "$reader" "$@" 2>"$folder/log" || {
    cat "$folder/log" >&2
    exit 1
  }
done

[ -n "$own" ] || exit 0
# LanceDB is an optional package: beside vimi in a project, as npm puts it there.
lance=$(node -p 'const { peerDependencies: of } = require(process.argv[1]); ["@lancedb/lancedb", "apache-arrow"].map((name) => `${name}@${of[name]}`).join(" ")' "$here/../package.json")
if [ "$(cat "$cache/lance/made-from.txt" 2>/dev/null)" != "$lance" ]; then
  rm -rf "${cache:?}/lance" && mkdir -p "$cache/lance"
  # shellcheck disable=SC2086
  (cd "$cache/lance" && npm init --yes >/dev/null && npm install --silent --no-audit --no-fund $lance)
  echo "$lance" >"$cache/lance/made-from.txt"
fi
mkdir "$folder/node_modules"
ln -s "$cache"/lance/node_modules/* "$folder/node_modules/"
ln -s "$(realpath "$here/..")" "$folder/node_modules/vimi"

for format in parquet embedded lance lance-embedded croissant; do
  case $format in
  embedded) options=(--format parquet --embed) ;;
  lance-embedded) options=(--format lance --embed) ;;
  *) options=(--format "$format") ;;
  esac
  node --preserve-symlinks --preserve-symlinks-main "$folder/node_modules/vimi/dist/cli/main.js" -t "$folder/shards/topology.yaml" samples export "$folder/$format" "${options[@]}" >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    exit 1
  }
done
# mlcroissant unpacks tars under the home folder.
HOME="$folder" "$cache/datasets/bin/python" "$here/readers/check_exports.py" "$folder" "$@" 2>"$folder/log" || {
  cat "$folder/log" >&2
  exit 1
}
