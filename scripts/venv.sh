#!/usr/bin/env bash
# Makes .venv hold exactly what a lock file says, and this project: scripts/venv.sh LOCK PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lock=$1 python=$2

command -v "$python" >/dev/null || install_missing "python3:$python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "cannot use $("$python" --version): Python 3.11 or newer is needed; make PYTHON=python3.11 ..."
if [ ! -x .venv/bin/pip ]; then
    "$python" -c 'import ensurepip; ensurepip.version()' 2>/dev/null || install_missing python3-venv:/no/such/file
    say "making .venv"
    rm -rf .venv
    "$python" -m venv .venv
fi
say "installing what $lock says"
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
say ".venv is ready"
