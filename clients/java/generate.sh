#!/usr/bin/env bash
# Makes client/src/main/java/io/callstream/v1 from the contract in proto/. protoc and its plugin are artifacts of Maven, of
# the versions that the pom has for the libraries, so that the result is the same everywhere.
set -euo pipefail
cd "$(dirname "$0")"
ROOT=$(cd ../.. && pwd)
COPY=org.apache.maven.plugins:maven-dependency-plugin:3.9.0

# property NAME: a property of the pom.
property() { sed -n "s:.*<$1>\(.*\)</$1>.*:\1:p" pom.xml; }
PROTOBUF=$(property protobuf.version)
GRPC=$(property grpc.version)
TOOLS=$ROOT/.cache/java/protoc-$PROTOBUF-grpc-$GRPC

case "$(uname -s)" in Darwin) system=osx ;; *) system=linux ;; esac
case "$(uname -m)" in aarch64 | arm64) machine=aarch_64 ;; *) machine=x86_64 ;; esac
PROTOC=$TOOLS/protoc-$PROTOBUF-$system-$machine.exe
PLUGIN=$TOOLS/protoc-gen-grpc-java-$GRPC-$system-$machine.exe
if [[ ! -e "$TOOLS/ready" ]]; then
    mvn -q -B -N "$COPY:copy" -DoutputDirectory="$TOOLS" \
        -Dartifact="com.google.protobuf:protoc:$PROTOBUF:exe:$system-$machine"
    mvn -q -B -N "$COPY:copy" -DoutputDirectory="$TOOLS" \
        -Dartifact="io.grpc:protoc-gen-grpc-java:$GRPC:exe:$system-$machine"
    # Timestamp, Duration and Struct.
    mvn -q -B -N "$COPY:unpack" -DoutputDirectory="$TOOLS/include" \
        -Dartifact="com.google.protobuf:protobuf-java:$PROTOBUF" -Dmdep.unpack.includes='**/*.proto'
    chmod +x "$PROTOC" "$PLUGIN"
    touch "$TOOLS/ready"
fi
have=$("$PROTOC" --version)
if [[ "$have" != "libprotoc ${PROTOBUF#*.}" ]]; then
    echo "wanted protoc ${PROTOBUF#*.}, have $have" >&2
    exit 1
fi

TARGET=client/src/main/java
rm -rf "$TARGET/io/callstream/v1"
"$PROTOC" --proto_path="$ROOT/proto" --proto_path="$TOOLS/include" --plugin=protoc-gen-grpc-java="$PLUGIN" \
    --java_out="$TARGET" --grpc-java_out=@generated=omit:"$TARGET" "$ROOT"/proto/callstream/v1/*.proto
