#!/usr/bin/env bash
# What those who run vimi install, checked by the tools that read it: promtool on the rules and the configuration of
# Prometheus, with a case for each alert in which it fires and one in which it does not.
# The tools are built once by Go into ~/.cache/vimi/tools ($VIMI_TOOLS names another folder), which takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${VIMI_TOOLS:-$HOME/.cache/vimi/tools}

# tool NAME MODULE@VERSION
tool() {
  [ -x "$tools/$1" ] || { echo "building $1, once" >&2 && GOBIN="$tools" go install "$2"; }
}

tool promtool github.com/prometheus/prometheus/cmd/promtool@v0.316.0
"$tools/promtool" check config --lint=all --lint-fatal infra/prometheus/prometheus.yaml
"$tools/promtool" test rules infra/prometheus/alerts.test.yaml
