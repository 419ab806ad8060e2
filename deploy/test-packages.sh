#!/bin/sh
# Installs Debian packages whose programs are missing, where we may: sh deploy/test-packages.sh kcat
# Without kcat its test is skipped.
set -eu
for program; do
    command -v "$program" >/dev/null && continue
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || continue
    install() { apt-get install --yes --no-install-recommends "$program" >/dev/null 2>&1; }
    install || { apt-get update >/dev/null 2>&1 && install; } ||
        echo "$program could not be installed" >&2
done
