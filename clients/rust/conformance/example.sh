#!/usr/bin/env bash
# example.sh URL: runs the example that build.sh has built.
set -euo pipefail
export CALLSTREAM_TARGET=http://$CALLSTREAM_TARGET
exec "$(dirname "$0")/../../../.cache/rust/debug/examples/follow_call" "$@"
