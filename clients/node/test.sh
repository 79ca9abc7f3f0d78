#!/usr/bin/env bash
# Formatting, lint, types and unit tests.
set -euo pipefail
cd "$(dirname "$0")"
conformance/build.sh
npm run --silent lint
npm test --silent
