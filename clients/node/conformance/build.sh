#!/usr/bin/env bash
# Builds the driver; quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
installed=node_modules/.package-lock.json
[ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ] || npm ci --silent >&2
node_modules/.bin/tsc --build >&2
