#!/usr/bin/env bash
# The video calls of OpenAI's client, from PyPI, against a served vimi (the model `fake`, the embedded log).
#   infra/check-openai.sh             needs what is built (npm run build), and python3
# The Python packages are kept in .cache/clients.
set -euo pipefail
. "$(dirname "$0")/served.sh"
python=$(python_with openai openai==3.60.0)
serve --pipeline generate
"$python" infra/readers/openai_videos.py "$url" examples/media/images/fox.png
key=$(vimi keys add reader --scope read)
"$python" infra/readers/openai_keys.py "$url" "$key"
