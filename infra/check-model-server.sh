#!/usr/bin/env bash
# vimi draws on infra/model-server with a tiny WanVACE pipeline on the CPU: two references, progress, cancelling between steps, a
# restart in the middle, overload, wrong answers; through the embedded log, HTTP, and Kafka where KAFKA_BROKERS is set.
#   infra/check-model-server.sh       needs what is built (npm run build), python3 (3.11 or later), and on Linux x86 gcc and binutils
# Keeps a Python environment in ~/.cache/vimi/readers/model-server (2.6 GB; VIMI_READERS names another place).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${VIMI_READERS:-$HOME/.cache/vimi/readers}/model-server
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# An environment is complete when the lists that it was made from lie in it.
cat "$here/readers/model-server.txt" "$here/model-server/requirements.txt" >"$folder/wanted.txt"
if ! cmp -s "$folder/wanted.txt" "$cache/made-from.txt"; then
  rm -rf "${cache:?}"
  python3 -m venv "$cache"
  pip() { "$cache/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps "$@"; }
  pip -r "$here/readers/model-server.txt"
  pip -r "$here/model-server/requirements.txt"
  "$cache/bin/python" "$here/readers/torch_without_cuda.py"
  cp "$folder/wanted.txt" "$cache/made-from.txt"
fi

OMP_NUM_THREADS=1 "$cache/bin/python" "$here/readers/tiny_wan_vace.py" "$folder/tiny" >"$folder/log" 2>&1 || {
  cat "$folder/log" >&2
  exit 1
}
node "$here/check-model-server.mjs" "$cache/bin/python" "$folder/tiny"
