#!/usr/bin/env bash
# Makes gen/ from the contract in proto/, with the protoc and plugin of Debian 12. Generated C++ belongs to one version of
# protobuf, hence the exact versions; CMake's CALLSTREAM_GENERATE makes the same for others at build time.
set -euo pipefail
cd "$(dirname "$0")"

expect() { # NAME WANTED FOUND
    [[ "$3" == "$2" ]] || { echo "wanted $1 $2, have $3" >&2; exit 1; }
}
PLUGIN=$(command -v grpc_cpp_plugin) || { echo 'no grpc_cpp_plugin: apt-get install protobuf-compiler-grpc' >&2; exit 1; }
expect protoc 'libprotoc 3.21.12' "$(protoc --version)"
# The plugin does not tell its version; the library of the same Debian source package does.
expect gRPC '1.51.1' "$(pkg-config --modversion grpc++)"

CONTRACT=$(mktemp -d)
trap 'rm -rf "$CONTRACT"' EXIT
cp -r ../../proto/callstream proto/callstream "$CONTRACT"
# This protoc is older than the option, which has no part in the code that it makes.
sed -i 's/ \[debug_redact = true\]//' "$CONTRACT"/callstream/v1/*.proto
rm -rf gen
mkdir gen
cd "$CONTRACT"
protoc --proto_path=. --cpp_out="$OLDPWD/gen" callstream/*/*.proto
protoc --proto_path=. --plugin=protoc-gen-grpc="$PLUGIN" --grpc_out="$OLDPWD/gen" callstream/v1/*_service.proto
