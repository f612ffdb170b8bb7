#!/usr/bin/env bash
# What those who run vimi install, checked by the tools that read it: promtool on the rules and the configuration of
# Prometheus, with a case for each alert in which it fires and one in which it does not.
# promtool is built once, which takes some minutes (go-tool.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
source infra/go-tool.sh

go_tool promtool github.com/prometheus/prometheus/cmd/promtool@v0.316.0
"$tools/promtool" check config --lint=all --lint-fatal infra/prometheus/prometheus.yaml
"$tools/promtool" test rules infra/prometheus/alerts.test.yaml
