#!/usr/bin/env bash
# The whole HTTP API of a served vimi (the model `fake`, the embedded log, a corpus of two images) under schemathesis: no 5xx, no
# answer that the description does not name, none that breaks its schema; and the description under redocly's rules. Half of the calls
# that name something name what is there (api_ids.py).
#   infra/check-api.sh [CASES]      cases an operation, default 10; needs what is built (npm run build), python3 and npx
# With 10 cases 1,917 requests, nearly three minutes on two busy cores. The Python packages are kept in .cache/clients.
set -euo pipefail
. "$(dirname "$0")/served.sh"
cases=${1-10}
python=$(python_with schemathesis schemathesis==4.32.5)

printf '\nwebhook_hosts: ["127.0.0.1:9"]\n' >>"$folder/topology.yaml"
cp examples/media/images/{a,b,k,f}*.{png,txt} "$folder/"
{ vimi ingest $(cd "$folder" && ls ./*.png) && vimi run --pipeline corpus --drain && vimi webhooks secrets add; } >/dev/null 2>&1
for n in $(seq 200); do echo "{\"prompt\": \"a fox\", \"steps\": \"x$n\"}"; done | vimi publish requests --raw >/dev/null 2>&1
serve --log-level error
curl -sf "$url/openapi.json" >"$folder/openapi.json" || { cat "$folder/run" >&2; exit 1; }

npx --yes @redocly/cli@2 lint --extends=recommended --skip-rule=no-server-example.com "$folder/openapi.json"

# It leaves a folder of its own where it runs.
cd "$folder"
VIMI_URL=$url SCHEMATHESIS_HOOKS=api_ids PYTHONPATH=$root/infra PYTHONDONTWRITEBYTECODE=1 \
  "${python%python}schemathesis" run "$folder/openapi.json" --url "$url" --max-examples "$cases" --workers 2 \
  --phases examples,coverage,fuzzing --continue-on-failure --no-color \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,allow_header_conformance \
  --request-timeout 60 --suppress-health-check all --seed 7 ${SCHEMATHESIS_ARGS-}

if grep -q 'A request failed' "$folder/run"; then
  cat "$folder/run" >&2
  exit 1
fi
echo 'No 5xx, and every answer is described.'
