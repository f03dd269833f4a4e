#!/usr/bin/env bash
# Writes the two lock files anew: every version and hash of what is installed, and no name of any index.
#   scripts/lock.sh            keeps the versions that still fit
#   scripts/lock.sh --upgrade  takes the newest
set -euo pipefail
cd "$(dirname "$0")/.."

compile() { # compile OUTPUT ARGUMENTS...
    local output=$1
    shift
    .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --output-file="$output" "$@" pyproject.toml
}

compile requirements.lock "$@"
compile requirements-dev.lock --extra=dev --constraint=requirements.lock "$@"
if grep -nE '^-|^[^#]*(file:|https?://)' requirements.lock requirements-dev.lock; then
    echo "lock: a lock file names a place; take those lines out" >&2
    exit 1
fi
