#!/usr/bin/env bash
# Stops the demo and removes everything that this folder's commands made: on the engine, in processes, in files.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
demo=$PWD/.demo

left=0
behind() { # what cannot be removed stops nothing else from being removed
    say "$*"
    left=1
}

if [ -x .venv/bin/jeroboam ] && [ -d "$demo/data" ]; then
    .venv/bin/jeroboam down --data "$demo/data" >&2 || behind "the demo's server has not stopped: see above"
    if [ -s "$demo/engine.url" ]; then
        url=$(cat "$demo/engine.url")
        # After a reboot or a crash ours does not run, and only an engine can take down what it made.
        scripts/engine.sh wake "$demo/engine" || true
        say "removing the demo's containers, networks, volumes and image"
        .venv/bin/python scripts/clean.py "$demo/data" "$url" ||
            behind "what the demo made at $url stays there: docker ps -a --filter label=io.jeroboam.installation"
    fi
fi
scripts/engine.sh stop "$demo/engine" || behind "the demo's engine has not stopped: see above"
mapfile -d '' caches < <(find src tests scripts bench -name __pycache__ -type d -prune -print0)
remove "$demo" .venv build dist bench.json src/*.egg-info "${caches[@]}" \
    .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
[ "$left" = 0 ] || fail "clean, but for what is said above"
say "clean"
