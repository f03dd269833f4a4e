# The few commands of this project. `make help` lists them.

PYTHON ?= python3
DEMO := $(CURDIR)/.demo
# Ours are named on the command line or in the demo's folder; somebody's environment must not change what is tested.
CLEAN_ENV := env -u JEROBOAM_DATA -u OS_CLOUD -u OS_CLIENT_CONFIG_FILE
TESTS ?= tests
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench clean lock
.DELETE_ON_ERROR:

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

demo: .venv/.runtime ## two teams share real containers; everything stays running
	@mkdir -p $(DEMO)
	@scripts/engine.sh start $(DEMO)/engine > $(DEMO)/engine.url
	@$(CLEAN_ENV) JEROBOAM_DATA=$(DEMO)/data JEROBOAM_ENGINE__URL="$$(cat $(DEMO)/engine.url)" .venv/bin/python scripts/demo.py

test: .venv/.dev ## install what the tests need, run them all on a real Docker Engine
	@scripts/test.sh -n $(WORKERS) --dist loadgroup $(TESTS)

lint: .venv/.dev ## ruff, mypy --strict, import-linter
	.venv/bin/ruff check src tests scripts
	.venv/bin/ruff format --check src tests scripts
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: .venv/.dev ## the figures, as ratios measured side by side in one run; writes bench.json
	@scripts/bench.sh

clean: ## leave nothing behind: stop the demo, remove all that it and the builds made
	@scripts/clean.sh

lock: .venv/.dev ## write the lock files anew
	scripts/lock.sh

.venv/.runtime: requirements.lock pyproject.toml
	@scripts/venv.sh requirements.lock $(PYTHON)
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml
	@scripts/venv.sh requirements-dev.lock $(PYTHON)
	@touch $@ .venv/.runtime
