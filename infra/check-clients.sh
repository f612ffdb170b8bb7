#!/usr/bin/env bash
# The Python and Java clients of examples/clients against a real broker: each asks for two videos, vimi makes them with
# the model `fake`, and each reads all of them, once.
#   infra/check-clients.sh            needs what is built (npm run build), python3, java and mvn; starts the servers
# Python packages and jars are kept in .cache/clients.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
node infra/servers.mjs up >/dev/null
set -a
. "${VIMI_INFRA:-.cache/infra}/env"
set +a

folder=$(mktemp -d)
half=
trap 'rm -rf "$folder" ${half:+"$half"}' EXIT

python=$root/.cache/clients/python
if ! "$python/bin/python" -c 'import confluent_kafka' 2>/dev/null; then
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check -r examples/clients/python/requirements.txt
fi
libs=$root/.cache/clients/java
if ! [ -d "$libs" ]; then
  # Under its own name only when it is complete: an interrupted Maven leaves some jars, or half of one.
  mkdir -p "${libs%/*}"
  half=$(mktemp -d "$libs.XXXXXX")
  mvn -q -B -f examples/clients/java/pom.xml dependency:copy-dependencies -DoutputDirectory="$half"
  [ -d "$libs" ] || mv "$half" "$libs"
fi

# Topics and groups of its own: the broker may be in use.
run=check-$(date +%s)-$$
node infra/cluster-topology.mjs "$run" >"$folder/topology.yaml"
vimi() { node "$root/dist/cli/main.js" --topology "$folder/topology.yaml" --profile cluster "$@"; }
vimi topics apply >/dev/null

ask_python() { "$python/bin/python" examples/clients/python/request_videos.py --topic "$run-requests" "$@"; }
ask_java() { REQUESTS_TOPIC=$run-requests java -cp "$libs/*" examples/clients/java/RequestVideos.java "$@"; }
jobs=$(ask_python 'a fox moves left' 'a boat moves right' && ask_java 'a kite moves up' 'a leaf falls')

vimi run --pipeline generate --drain

"$python/bin/python" examples/clients/python/read_videos.py --topic "$run-videos" --group "$run-python" --wait-for $jobs >"$folder/python"
VIDEOS_TOPIC=$run-videos VIDEOS_GROUP=$run-java java -cp "$libs/*" examples/clients/java/ReadVideos.java $jobs >"$folder/java"

for language in python java; do
  cut -d' ' -f1 "$folder/$language" | sort >"$folder/$language.jobs"
  if ! diff <(sort <<<"$jobs") "$folder/$language.jobs"; then
    echo "the $language client did not read each video once" >&2
    exit 1
  fi
  echo "$language: $(wc -l <"$folder/$language.jobs") videos, each once"
done
