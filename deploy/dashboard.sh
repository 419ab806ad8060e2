#!/bin/sh
# Runs an npm script of the dashboard (check, test). Called by `make check` and `make test`.
set -eu
cd "$(dirname "$0")/.."
. deploy/node.sh
install_packages dashboard
$npm run --prefix dashboard --silent "$1"
