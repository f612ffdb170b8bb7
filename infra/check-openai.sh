#!/usr/bin/env bash
# The video calls of OpenAI's client, from PyPI, against a served vimi (the model `fake`, the embedded log).
#   infra/check-openai.sh             needs what is built (npm run build), and python3
# The Python packages are kept in .cache/clients.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=$root/.cache/clients/openai
if ! "$python/bin/python" -c 'import openai' 2>/dev/null; then
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check openai==3.57.0
fi

folder=$(mktemp -d)
pid=
stop() {
  [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; }
  rm -rf "$folder"
}
trap stop EXIT

sed 's/model: nano, upsampler: [a-z-]*/model: fake/' topology.yaml >"$folder/topology.yaml"
node dist/cli/main.js --topology "$folder/topology.yaml" run --pipeline generate --http 127.0.0.1:0 2>"$folder/run" &
pid=$!
for _ in $(seq 600); do
  url=$(sed -n 's/^HTTP at //p' "$folder/run")
  [ -n "$url" ] && curl -sf "$url/ready" >/dev/null && break
  sleep 0.2
done
[ -n "$url" ] || { cat "$folder/run" >&2; exit 1; }
"$python/bin/python" infra/readers/openai_videos.py "$url" examples/media/images/fox.png
