#!/usr/bin/env bash
# Format, build with all warnings, lint, tests.
set -euo pipefail
cd "$(dirname "$0")"
BUILD=../../.cache/cpp
find include src tests example conformance -name '*.h' -o -name '*.cc' | xargs clang-format --dry-run --Werror
conformance/build.sh all
# clang needs to be told what is GCC's default. What it says of headers that are not ours goes to standard error.
printf '%s\n' src/*.cc conformance/*.cc |
    xargs -n 1 -P 2 clang-tidy --quiet --extra-arg=-std=c++17 -p $BUILD 2>$BUILD/tidy.log || { cat $BUILD/tidy.log >&2; exit 1; }
ctest --test-dir $BUILD --output-on-failure --no-tests=error
