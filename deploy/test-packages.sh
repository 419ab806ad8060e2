#!/bin/sh
# Installs the Debian packages that tests need, where they are missing and we may.
set -eu
