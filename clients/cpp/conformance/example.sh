#!/usr/bin/env bash
# example.sh URL: runs the example that build.sh has built.
set -euo pipefail
exec "$(dirname "$0")/../../../.cache/cpp/follow_call" "$@"
