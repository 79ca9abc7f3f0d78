#!/usr/bin/env bash
# Runs the conformance driver that build.sh has built.
set -euo pipefail
exec "$(dirname "$0")/../../../.cache/rust/debug/callstream-conformance"
