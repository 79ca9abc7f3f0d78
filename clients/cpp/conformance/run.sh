#!/usr/bin/env bash
# Runs the driver that build.sh has built.
set -euo pipefail
# An idle connection's end is noticed so often (every 5 s if not said), and until then an RPC may still try it: see README.md.
export GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS=100
exec "$(dirname "$0")/../../../.cache/cpp/conformance_driver"
