#!/usr/bin/env bash
# example.sh URL: runs the example that build.sh has built.
set -euo pipefail
exec node "$(dirname "$0")/../dist/example/follow_call.js" "$@"
