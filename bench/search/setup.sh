#!/usr/bin/env bash
# Sets up the Python that bench/search.mjs compares with: tantivy, bm25s and hnswlib, pinned, in .cache/search.
#   bash bench/search/setup.sh       undone by removing .cache/search
# hnswlib is compiled for this very processor when it is installed, so it needs a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .cache/search
.cache/search/bin/pip install --disable-pip-version-check --progress-bar off --no-cache-dir -r bench/search/requirements.txt
.cache/search/bin/python -c 'import bm25s, hnswlib, tantivy; print("tantivy", tantivy.__version__, "bm25s", bm25s.__version__)'
