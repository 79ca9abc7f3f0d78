#!/usr/bin/env bash
# Format, lint, tests. Beyond the driver's build it compiles servers and certificates for the tests.
set -euo pipefail
cd "$(dirname "$0")"
cargo fmt --all --check
cargo clippy --quiet --jobs 2 --workspace --all-targets --all-features -- --deny warnings
cargo clippy --quiet --jobs 2 --no-default-features -- --deny warnings
RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --jobs 2 --no-deps --all-features
cargo test --quiet --jobs 2 --all-features --no-run
timeout 120 cargo test --quiet --jobs 2 --all-features # a test that fails may wait for ever
