#!/usr/bin/env bash
# A driver that executes each command with grpcurl.
set -euo pipefail
cd "$(dirname "$0")/../../.."
exec "${PYTHON:-.venv/bin/python}" -m tests.conformance.grpcurl.driver
