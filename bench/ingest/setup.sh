#!/usr/bin/env bash
# Sets up the Python that bench/ingest.mjs compares with: PyAV, PySceneDetect and webdataset, pinned, in .cache/ingest.
#   bash bench/ingest/setup.sh       undone by removing .cache/ingest
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .cache/ingest
.cache/ingest/bin/pip install --disable-pip-version-check --progress-bar off --no-cache-dir -r bench/ingest/requirements.txt
.cache/ingest/bin/python -c 'import av, scenedetect, webdataset; print("av", av.__version__, "scenedetect", scenedetect.__version__)'
