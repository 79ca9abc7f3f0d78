#!/usr/bin/env bash
# example.sh URL: runs the example.
set -euo pipefail
cd "$(dirname "$0")/../../.."
exec .venv/bin/python -u clients/python/examples/stream_a_call.py "$1" "$CALLSTREAM_TARGET"
