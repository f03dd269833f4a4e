#!/usr/bin/env bash
# The demo, on an engine that answers or one of its own, with everything in .demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
demo=$PWD/.demo

mkdir -p "$demo"
engine=$(scripts/engine.sh start "$demo/engine")
printf '%s\n' "$engine" >"$demo/engine.url"
exec env -u OS_CLOUD JEROBOAM_DATA="$demo/data" JEROBOAM_ENGINE__URL="$engine" .venv/bin/python scripts/demo.py "$@"
