#!/usr/bin/env bash
# Format, vet, lint, tests.
set -euo pipefail
cd "$(dirname "$0")"
STATICCHECK_VERSION=v0.8.2
TOOLS=$(cd ../.. && pwd)/.cache/bin
if [[ "$("$TOOLS/staticcheck" --version 2>/dev/null)" != *"(${STATICCHECK_VERSION#v})" ]]; then
    GOBIN=$TOOLS go install -p 2 "honnef.co/go/tools/cmd/staticcheck@$STATICCHECK_VERSION"
fi

unformatted=$(gofmt -s -l .)
if [[ -n "$unformatted" ]]; then
    echo "run gofmt -s -w on: $unformatted" >&2
    exit 1
fi
go mod tidy -diff
go vet ./...
"$TOOLS/staticcheck" ./...
go test -race -p 2 -timeout 60s ./...
