#!/bin/sh
# Lints the API documents; any finding fails. Called by `make check`.
set -eu
cd "$(dirname "$0")/.."
. deploy/node.sh
export REDOCLY_TELEMETRY=off
install_packages deploy/lint

linters=$PWD/deploy/lint/node_modules/.bin
quietly() {
    findings=$("$@" 2>&1) || { echo "$findings" >&2; exit 1; }
}
cd deploy/lint
quietly "$linters/redocly" lint --config redocly.yaml --format=stylish ../../docs/api/openapi.json
quietly "$linters/spectral" lint --fail-severity=hint --ruleset spectral.yaml \
    ../../docs/api/openapi.json ../../docs/api/asyncapi.json
