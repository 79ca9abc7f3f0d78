#!/usr/bin/env bash
# Runs the driver that build.sh has built.
set -euo pipefail
exec "$(dirname "$0")/../../../.cache/cpp/conformance_driver"
