#!/bin/sh
# Makes .venv from the hash-locked requirements. Called by `make setup`.
set -eu
python=$1

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; name one: make setup PY=python3.12" >&2
    exit 1
}
[ -x .venv/bin/python ] || "$python" -m venv .venv || {
    echo "This Python cannot make environments; on Debian: apt-get install python3-venv" >&2
    exit 1
}
.venv/bin/python -m pip install --quiet --require-hashes -r requirements/bootstrap.lock
# uv does not read pip's configuration, so the index that pip was told to use is passed on.
index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
.venv/bin/uv pip sync --quiet --require-hashes requirements/dev.lock ||
    .venv/bin/python -m pip install --quiet --require-hashes -r requirements/dev.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable . ||
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
.venv/bin/python -m streams.compiled
