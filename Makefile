# The few commands of this project. `make help` lists them.

PYTHON ?= python3
WORKERS ?= 2
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench clean lock
.DELETE_ON_ERROR:

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
		while read -r name text; do printf '  make %-7s %s\n' "$$name" "$$text"; done

demo: .venv/.runtime ## two teams share real containers on this machine; it stays running
	@scripts/demo.sh

test: .venv/.dev ## install what the tests need, run them all on a real Docker Engine
	@scripts/on_engine.sh -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

lint: .venv/.dev ## ruff, mypy --strict, import-linter
	.venv/bin/ruff check src tests scripts bench
	.venv/bin/ruff format --check src tests scripts bench
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: .venv/.dev ## the figures, as ratios measured side by side in one run; writes bench.json
	@scripts/on_engine.sh -m bench

clean: ## leave nothing behind: stop the demo, remove all that it and the builds made
	@scripts/clean.sh

lock: .venv/.dev ## write the lock files anew
	@scripts/lock.sh

.venv/.runtime: requirements.lock pyproject.toml
	@scripts/venv.sh requirements.lock $(PYTHON)
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml
	@scripts/venv.sh requirements-dev.lock $(PYTHON)
	@touch .venv/.runtime $@
