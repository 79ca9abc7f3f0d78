#!/usr/bin/env bash
# generate.sh [FOLDER]: makes callstream/v1, here or below FOLDER, from the contract in proto/.
# The versions are pinned, so that the result is the same everywhere.
set -euo pipefail
cd "$(dirname "$0")"
TARGET=$PWD
[[ -z "${1:-}" ]] || TARGET=$(cd "$OLDPWD" && realpath "$1")
ROOT=$(cd ../.. && pwd)
TOOLS=$ROOT/.cache/bin
PYTHON=${PYTHON:-$ROOT/.venv/bin/python} # protoc comes from its grpcio-tools

# plugin MODULE VERSION: installs the plugin unless it is there in this version.
plugin() {
    local name=${1##*/}
    local version # it says "protoc-gen-go v1.2.3" or "protoc-gen-go-grpc 1.2.3"
    version=$("$TOOLS/$name" --version 2>/dev/null || true)
    if [[ "${version##* }" != "$2" && "${version##* }" != "${2#v}" ]]; then
        GOBIN=$TOOLS go install "$1@$2"
        version=$("$TOOLS/$name" --version)
    fi
    if [[ "${version##* }" != "$2" && "${version##* }" != "${2#v}" ]]; then
        echo "wanted $name $2, have $version" >&2
        exit 1
    fi
}
plugin google.golang.org/protobuf/cmd/protoc-gen-go v1.36.12
plugin google.golang.org/grpc/cmd/protoc-gen-go-grpc v1.6.2

MODULE=$(go list -m)
WELL_KNOWN=$("$PYTHON" -c 'import grpc_tools, pathlib; print(pathlib.Path(grpc_tools.__file__).parent / "_proto")')
rm -rf "$TARGET/callstream/v1"
"$PYTHON" -m grpc_tools.protoc --proto_path="$ROOT/proto" --proto_path="$WELL_KNOWN" \
    --plugin="$TOOLS/protoc-gen-go" --plugin="$TOOLS/protoc-gen-go-grpc" \
    --go_out="$TARGET" --go_opt=module="$MODULE" --go-grpc_out="$TARGET" --go-grpc_opt=module="$MODULE" \
    "$ROOT"/proto/callstream/v1/*.proto
