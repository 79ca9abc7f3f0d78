#!/usr/bin/env bash
# Builds the conformance driver; quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
go build -p 2 -o ../../.cache/go/conformance ./conformance
go build -p 2 -o ../../.cache/go/example ./example
