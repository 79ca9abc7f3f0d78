#!/usr/bin/env bash
# Generates src/gen from the contract and from google.rpc's error details. Local tools of locked versions only.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../../.venv/bin/python}
plugin=node_modules/.bin/protoc-gen-es

[ -x "$plugin" ] || npm ci --silent
want="protoc-gen-es v2.13.0"
have=$("$plugin" --version)
[ "$have" = "$want" ] || { echo "need $want, not $have: run npm ci" >&2; exit 1; }

# google/rpc/error_details.proto comes with googleapis-common-protos, which the gateway's requirements lock.
common=$("$python" -c 'import google.rpc, pathlib; print(pathlib.Path(list(google.rpc.__path__)[0]).parent.parent)')
mkdir -p dist
fresh=$(mktemp -d dist/gen.XXXXXX)
trap 'rm -rf "$fresh"' EXIT
mapfile -t files < <(cd ../../proto && find callstream -name '*.proto' | LC_ALL=C sort)
"$python" -m grpc_tools.protoc --proto_path=../../proto --proto_path="$common" \
  --plugin=protoc-gen-es="$plugin" --es_out="$fresh" --es_opt=target=ts,import_extension=js \
  "${files[@]}" google/rpc/error_details.proto
rm -rf src/gen
mv "$fresh" src/gen
chmod 755 src/gen
