#!/usr/bin/env bash
# Format, lint (javac's, as errors) and tests.
set -euo pipefail
cd "$(dirname "$0")"
mvn -B -ntp -Dstyle.color=never -Dorg.slf4j.simpleLogger.defaultLogLevel=warn spotless:check verify
