#!/bin/sh
# Installs the Debian packages that tests need, where they are missing and we may. Without them
# their tests are skipped.
set -eu
command -v kcat >/dev/null || {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
    apt-get install --yes --no-install-recommends kcat >/dev/null 2>&1 ||
        { apt-get update >/dev/null 2>&1 && apt-get install --yes --no-install-recommends kcat \
            >/dev/null 2>&1; } || echo "kcat could not be installed: its test is skipped" >&2
}
