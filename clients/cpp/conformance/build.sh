#!/usr/bin/env bash
# build.sh [TARGET…]: builds driver and example, or these targets; quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=../../.cache/cpp
OPTIONS=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)
mkdir -p $BUILD
cmake -S . -B $BUILD "${OPTIONS[@]}" >$BUILD/configure.log 2>&1 || { cat $BUILD/configure.log >&2; exit 1; }
cmake --build $BUILD --parallel 2 --target ${@:-conformance_driver follow_call} >&2
