#!/usr/bin/env bash
# The driver: `run.sh sync` or `run.sh aio`.
set -euo pipefail
cd "$(dirname "$0")/../../.."
exec "${PYTHON:-.venv/bin/python}" -m "conformance.$1_driver"
