#!/usr/bin/env bash
# What people deploy, checked without a cluster: the Helm chart (linted, rendered with several values, each manifest against the
# schemas of Kubernetes and of the operators, its security settings), wrong values that must be refused, the Dockerfiles, the
# compose file and the workflows.
# Nothing runs here: there is no container engine and no cluster.
#   infra/check-deploy.sh       needs what is built (npm run build), Go 1.25, python3
# helm and actionlint are built once (go-tool.sh). Keeps a Python environment in ~/.cache/vimi/readers/deploy (200 MB; VIMI_READERS names another place).
set -euo pipefail
cd "$(dirname "$0")/.."
source infra/go-tool.sh
cache=${VIMI_READERS:-$HOME/.cache/vimi/readers}/deploy
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "check-deploy: $1" >&2 && exit 1; }

# An environment is complete when the list that it was made from lies in it.
if ! cmp -s infra/readers/deploy.txt "$cache/made-from.txt"; then
  rm -rf "${cache:?}"
  python3 -m venv "$cache"
  "$cache/bin/pip" install --quiet --disable-pip-version-check -r infra/readers/deploy.txt
  cp infra/readers/deploy.txt "$cache/made-from.txt"
fi

"$cache/bin/hadolint" infra/docker/Dockerfile infra/docker/Dockerfile.cuda infra/docker/Dockerfile.model-server

go_tool actionlint github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
"$tools/actionlint" .github/workflows/*.yml

# Docker's own parser of compose files.
[ -x "$tools/compose-parse" ] || {
  GOBIN="$folder" go install github.com/compose-spec/compose-go/v2/cmd@v2.16.2
  mkdir -p "$tools" && mv "$folder/cmd" "$tools/compose-parse"
}
# It leaves parts out that stand under `profiles`.
sed '/^    profiles: /d' infra/compose.yaml >"$folder/compose.yml"
"$tools/compose-parse" -no-path-resolution -format json "$folder/compose.yml" >"$folder/compose.json" 2>"$folder/log" || { cat "$folder/log" >&2 && fail compose.yaml; }
for service in kafka s3 weaviate prometheus grafana vimi; do
  grep -q "\"$service\": {" "$folder/compose.json" || fail "compose.yaml: no $service"
done

go_tool helm helm.sh/helm/v3/cmd/helm@v3.22.0
# The resources of the Prometheus operator and of KEDA, as their repositories define them.
definitions=()
for module in github.com/kedacore/keda/v2@v2.21.0:config/crd/bases/keda.sh_scaledobjects.yaml \
  github.com/prometheus-operator/prometheus-operator@v0.85.0:example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml \
  github.com/prometheus-operator/prometheus-operator@v0.85.0:example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml; do
  at=$(go mod download -json "${module%%:*}" | node -p 'JSON.parse(require("node:fs").readFileSync(0)).Dir')
  definitions+=("$at/${module##*:}")
done

chart=infra/helm/vimi
# Helm that Go builds takes every cluster for an old one.
helm() { "$tools/helm" "$@" --kube-version 1.30.0; }
for values in "$chart"/ci/*.yaml; do
  name=$(basename "$values" .yaml)
  helm lint --strict --quiet "$chart" -f "$values" || fail "$name: helm lint"
  helm template release "$chart" --namespace video -f "$values" >"$folder/$name.yaml"
done
"$cache/bin/python" infra/readers/check_deploy.py "$folder"/*.yaml -- "${definitions[@]}"

# A topology out of the values is still the topology.
helm template release "$chart" -f "$chart/ci/own-topology.yaml" -s templates/topology.yaml |
  "$cache/bin/python" -c 'import sys, yaml; print(yaml.safe_load(sys.stdin)["data"]["topology.yaml"])' >"$folder/topology.yml"
sed -i 's/\${file:[^}]*}/a/' "$folder/topology.yml"
KAFKA_BROKERS=kafka:9092 S3_ENDPOINT=http://s3 S3_ACCESS_KEY=a node dist/cli/vimi.js validate --profile cluster "$folder/topology.yml"

# refused WHAT ARGUMENT...: with these values the chart must not render, and the message has WHAT
refused() {
  local what=$1
  shift
  if helm template release "$chart" -f "$chart/ci/smallest.yaml" "$@" >/dev/null 2>"$folder/refused"; then fail "taken: $*"; fi
  grep -qF -- "$what" "$folder/refused" || { cat "$folder/refused" >&2 && fail "$*: no word of $what"; }
}
refused 'drainSeconds' --set drainSeconds=0
refused "'replica' not allowed" --set server.replica=2
refused 'minReplicas' --set worker.autoscaling.minReplicas=0
refused 'pullPolicy' --set image.pullPolicy=Sometimes
refused 'keys.json' --set apiKeys.existingSecret=
refused 'ingress.host' --set ingress.enabled=true
refused 'server.autoscaling' --set-json 'server={"pipelines":[],"autoscaling":{"enabled":true}}'
refused 'modelServer.existingClaim' --set modelServer.enabled=true
refused '/topology' --set topology.pipelines.generate.from=requests
refused 'max_frames' -f "$chart/ci/own-topology.yaml" --set-json 'topology.pipelines.generate.steps=[{"admit":{"max_frames":"many"}}]'
echo 'the chart: rendered, valid and restricted; wrong values are refused'
