#!/usr/bin/env bash
# Webhooks of a served vimi (the model `fake`, the embedded log) at a receiver in Python that verifies them with standardwebhooks
# from PyPI, with both secrets of a rotation.
#   infra/check-webhooks.sh           needs what is built (npm run build), and python3
# The Python packages are kept in .cache/clients.
set -euo pipefail
. "$(dirname "$0")/served.sh"
python=$(python_with webhooks standardwebhooks==1.1.0)

old=$(vimi webhooks secrets add 2>/dev/null)
new=$(vimi webhooks secrets add 2>/dev/null)
"$python" infra/readers/webhook_receiver.py "$old" "$new" >"$folder/receiver" &
pids+=($!)
receiver=$(said "$folder/receiver" '127.0.0.1:[0-9]*')
printf '\nwebhook_hosts: ["%s"]\n' "$receiver" >>"$folder/topology.yaml"
serve --pipeline generate
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
