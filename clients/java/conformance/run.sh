#!/usr/bin/env bash
# Runs the conformance driver that build.sh has built.
set -euo pipefail
cd "$(dirname "$0")/target"
# The driver lives for seconds: start fast, and take one thread to collect.
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "classes:lib/*" io.callstream.conformance.Driver
