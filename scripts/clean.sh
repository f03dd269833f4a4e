#!/usr/bin/env bash
# Stops the demo and removes everything that this folder's commands made: on the engine, in processes, in files.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
demo=$PWD/.demo

if [ -x .venv/bin/jeroboam ] && [ -d "$demo/data" ]; then
    .venv/bin/jeroboam down --data "$demo/data" >&2
    if [ -s "$demo/engine.url" ]; then
        say "removing the demo's containers, networks and volumes"
        .venv/bin/python scripts/clean.py "$demo/data" "$(cat "$demo/engine.url")"
    fi
fi
scripts/engine.sh stop "$demo/engine"
rm -rf "$demo" .venv build dist bench.json src/*.egg-info
rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
say "clean"
