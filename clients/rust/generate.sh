#!/usr/bin/env bash
# Makes src/gen, and the descriptors of the driver's JSON, from the contract in proto/. generate/Cargo.toml pins everything
# that the result depends on; protoc comes with the repository's .venv.
set -euo pipefail
cd "$(dirname "$0")"
PYTHON=${PYTHON:-../../.venv/bin/python}
FRESH=$(mktemp -d)
trap 'rm -rf "$FRESH"' EXIT

mapfile -t FILES < <(cd ../../proto && find callstream -name '*.proto' | LC_ALL=C sort)
protoc() { "$PYTHON" -m grpc_tools.protoc --proto_path=../../proto --include_imports "$@" "${FILES[@]}"; }
protoc --include_source_info --descriptor_set_out="$FRESH/documented.binpb"
protoc --descriptor_set_out="$FRESH/contract.binpb"
mkdir "$FRESH/gen"
cargo run --quiet --jobs 2 --package callstream-generate -- "$FRESH/documented.binpb" "$FRESH/gen"
rm -rf src/gen
mkdir src/gen
cp "$FRESH/gen/callstream.v1.rs" src/gen/
cp "$FRESH/contract.binpb" conformance/src/
