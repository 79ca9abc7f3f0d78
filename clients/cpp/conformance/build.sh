#!/usr/bin/env bash
# Builds the driver, and with it example and tests; quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=../../.cache/cpp
[[ -e $BUILD/CMakeCache.txt ]] || cmake -S . -B $BUILD -DCMAKE_BUILD_TYPE=Debug -DCMAKE_COMPILE_WARNING_AS_ERROR=ON >&2
cmake --build $BUILD --parallel 2 --target "${1:-conformance_driver}" >&2
