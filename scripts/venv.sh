#!/usr/bin/env bash
# Makes .venv hold exactly what a lock file says, and this project: scripts/venv.sh LOCK PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lock=$1 python=$2

progress() { # pip's lines, but for those that are of no use; every 40th package is told
    local line count=0
    while IFS= read -r line; do
        case $line in
        Collecting*) count=$((count + 1)) && { [ $((count % 40)) != 0 ] || say "  $count of $1 found"; } ;;
        Installing*) say "  all found: unpacking" ;;
        *rror*) printf '%s\n' "$line" >&2 ;;
        esac
    done
}

command -v "$python" >/dev/null || install_missing "python3:$python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "cannot use $("$python" --version): Python 3.11 or newer is needed; make PYTHON=python3.11 ..."
if [ ! -x .venv/bin/pip ]; then
    "$python" -c 'import ensurepip; ensurepip.version()' 2>/dev/null || install_missing python3-venv:/no/such/file
    say "making .venv"
    rm -rf .venv
    "$python" -m venv .venv
fi
total=$(grep -c '^[a-zA-Z0-9].*==' "$lock")
say "installing the $total packages of $lock"
.venv/bin/pip install --disable-pip-version-check --progress-bar off --require-hashes -r "$lock" 2>&1 | progress "$total"
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
say ".venv is ready"
