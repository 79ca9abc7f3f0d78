#!/usr/bin/env bash
# Builds the conformance driver and the example; quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
built=conformance/target/lib
changed=$(find pom.xml ./*/pom.xml ./*/src/main -newer "$built" 2>/dev/null || echo all)
[[ -z "$changed" ]] || {
    mvn -B -ntp -Dstyle.color=never -Dorg.slf4j.simpleLogger.defaultLogLevel=warn package -DskipTests -pl conformance,example -am
    touch "$built"
}
