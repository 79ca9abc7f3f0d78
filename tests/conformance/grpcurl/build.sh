#!/usr/bin/env bash
# Nothing to build: grpcurl must be there.
set -euo pipefail
grpcurl -version
