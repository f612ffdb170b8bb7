# Sourced by the checks that ask a served vimi: the model `fake`, the embedded log, in a folder of its own. Needs what is built.
#   $root, $folder, $folder/topology.yaml      the repository; the folder, which goes at the end with all that was started
#   vimi ARGS                                  the command line in that folder
#   serve [ARGS of vimi run]                   starts the service, and sets $url once it is ready; it writes to $folder/run
#   python_with NAME PACKAGE==VERSION          prints a Python that has the package, kept in .cache/clients
#   said FILE PATTERN                          prints the first part of a file that matches, once it is there
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
folder=$(mktemp -d)
pids=()
stop() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap stop EXIT
sed 's/model: nano, upsampler: [a-z-]*/model: fake/' topology.yaml >"$folder/topology.yaml"

vimi() { (cd "$folder" && node "$root/dist/cli/main.js" "$@"); }

said() {
  for _ in $(seq 600); do
    grep -om1 "$2" "$1" 2>/dev/null && return
    sleep 0.2
  done
  cat "$1" >&2
  return 1
}

serve() {
  # Not by the function above: its shell alone would be ended, and the service would live on.
  node "$root/dist/cli/main.js" --topology "$folder/topology.yaml" run --http 127.0.0.1:0 "$@" >/dev/null 2>"$folder/run" &
  pids+=($!)
  url=$(said "$folder/run" 'http://127[^ ]*')
  for _ in $(seq 600); do
    curl -sf "$url/ready" >/dev/null && return
    sleep 0.2
  done
  cat "$folder/run" >&2
  return 1
}

python_with() {
  local at=$root/.cache/clients/$1
  if [ "$(cat "$at/made-from.txt" 2>/dev/null)" != "$2" ]; then
    rm -rf "$at"
    python3 -m venv "$at"
    "$at/bin/pip" install --quiet --disable-pip-version-check "$2" >&2
    echo "$2" >"$at/made-from.txt"
  fi
  echo "$at/bin/python"
}
