#!/usr/bin/env bash
# Builds the conformance driver and the example; quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --jobs 2 --package callstream-conformance
cargo build --quiet --jobs 2 --package callstream --example follow_call
