#!/usr/bin/env bash
# Exported models are read by others: the onnx package's checker accepts them, and Python's onnxruntime computes the same.
#   infra/check-onnx.sh [MODEL...]      without a name: the shipped ones
# Keeps a Python environment in ~/.cache/vimi/readers/onnx (150 MB; VIMI_READERS names another place).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${VIMI_READERS:-$HOME/.cache/vimi/readers}/onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# An environment is complete when the list that it was made from lies in it.
if ! cmp -s "$here/readers/onnx.txt" "$cache/made-from.txt"; then
  rm -rf "${cache:?}"
  python3 -m venv "$cache"
  "$cache/bin/pip" install --quiet --disable-pip-version-check -r "$here/readers/onnx.txt"
  cp "$here/readers/onnx.txt" "$cache/made-from.txt"
fi

[ $# -gt 0 ] || set -- nano nano-upsampler
folders=()
for model in "$@"; do
  to="$folder/$(basename "$model")"
  node "$here/../dist/cli/main.js" export "$model" "$to" >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    exit 1
  }
  folders+=("$to")
done
"$cache/bin/python" "$here/readers/check_onnx.py" "${folders[@]}"
