#!/usr/bin/env bash
# Webhooks of a served vimi (the model `fake`, the embedded log) at a receiver in Python that verifies them with standardwebhooks
# from PyPI, with both secrets of a rotation.
#   infra/check-webhooks.sh           needs what is built (npm run build), and python3
# The Python packages are kept in .cache/clients.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=$root/.cache/clients/webhooks
if ! "$python/bin/python" -c 'import standardwebhooks' 2>/dev/null; then
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0
fi

folder=$(mktemp -d)
pids=()
stop() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap stop EXIT
said() { # the first line of a file that matches, once it is there
  for _ in $(seq 600); do
    grep -om1 "$2" "$1" 2>/dev/null && return
    sleep 0.2
  done
  cat "$1" >&2
  return 1
}

sed 's/model: nano, upsampler: [a-z-]*/model: fake/' topology.yaml >"$folder/topology.yaml"
vimi() { node "$root/dist/cli/main.js" --topology "$folder/topology.yaml" "$@"; }
old=$(vimi webhooks secrets add 2>/dev/null)
new=$(vimi webhooks secrets add 2>/dev/null)
"$python/bin/python" infra/readers/webhook_receiver.py "$old" "$new" >"$folder/receiver" &
pids+=($!)
receiver=$(said "$folder/receiver" '127.0.0.1:[0-9]*')
printf '\nwebhook_hosts: ["%s"]\n' "$receiver" >>"$folder/topology.yaml"
# Not by the function above: its shell alone would be ended, and the service would live on.
node "$root/dist/cli/main.js" --topology "$folder/topology.yaml" run --pipeline generate --http 127.0.0.1:0 2>"$folder/run" &
pids+=($!)
url=$(said "$folder/run" 'http://127[^ ]*')
for prompt in 'a fox' 'a boat'; do
  curl -fsS "$url/v1/videos" -H 'Content-Type: application/json' \
    -d "{\"prompt\": \"$prompt\", \"webhook\": {\"url\": \"http://$receiver/videos\"}}" >/dev/null
done
for _ in $(seq 600); do
  [ "$(grep -c '^verified video.completed' "$folder/receiver")" = 2 ] && break
  sleep 0.2
done
cat "$folder/receiver"
[ "$(grep -c '^verified video.completed' "$folder/receiver")" = 2 ] && ! grep -q '^refused' "$folder/receiver"
vimi webhooks list --state delivered | grep -c msg_ | grep -qx 2
