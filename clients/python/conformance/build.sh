#!/usr/bin/env bash
# Nothing to build; the package must be installed where run.sh looks for it.
set -euo pipefail
cd "$(dirname "$0")/../../.."
"${PYTHON:-.venv/bin/python}" -c 'import callstream.aio'
