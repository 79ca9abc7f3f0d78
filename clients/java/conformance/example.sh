#!/usr/bin/env bash
# example.sh URL: runs the example that build.sh has built.
set -euo pipefail
cd "$(dirname "$0")/.."
exec java -cp "example/target/classes:conformance/target/lib/*" io.callstream.example.FollowCall "$@"
