#!/usr/bin/env bash
# Sets up the Python that bench/pytorch.mjs compares with: PyTorch, numpy and safetensors, pinned, in .cache/pytorch.
#   bash bench/pytorch/setup.sh       undone by removing .cache/pytorch
# The package index decides which build of PyTorch comes: for Linux on x86 the default one has only the CUDA build, which
# runs on the CPU just as well but is some 5 GB with its libraries. Name an index of CPU builds in PIP_INDEX_URL if you
# have one.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .cache/pytorch
.cache/pytorch/bin/pip install --disable-pip-version-check --progress-bar off --no-cache-dir -r bench/pytorch/requirements.txt
.cache/pytorch/bin/python -c 'import torch; print("PyTorch", torch.__version__)'
