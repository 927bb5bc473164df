# Every target that a person calls has a `## text`; `make help` prints them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv binaries demo test coverage lint format typecheck fetch-crds bench generate generate-check soak requirements clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## Create .venv with everything the targets below need (hash-pinned)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) -V 2>&1); set PYTHON=..." >&2; exit 1; }
	@echo "==> creating $(VENV) and installing the pinned requirements (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

binaries: $(STAMP) ## Build the local control plane (cached outside the checkout; minutes the first time)
	@$(BIN)/python -m tools.controlplane build

demo: binaries ## The main job end to end on a real API server: render, install, run tasks, check every row
	@$(BIN)/python -m tools.demo

test: binaries ## All tests: unit, golden, property, cluster, charts (on a real API server)
	@$(BIN)/python -m pytest

coverage: binaries ## All tests with line and branch coverage, by package
	@$(BIN)/python -m pytest --quiet --cov --cov-report=term:skip-covered

lint: $(STAMP) ## ruff, strict type checking, import contracts, generated files
	@echo "==> ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy --strict" && $(BIN)/mypy
	@echo "==> import contracts" && $(BIN)/lint-imports
	@echo "==> generated files" && $(MAKE) --no-print-directory generate-check

format: $(STAMP) ## Let ruff mend what it can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

fetch-crds: $(STAMP) ## Fetch the operators' CRDs (pinned) that tests hold built objects against
	@$(BIN)/python -m tools.fetch_crds

bench: binaries ## Benchmarks: the controller's table, configgen, plugins (ratios in one run; not part of the tests)
	@$(BIN)/python -m benchmarks

MINUTES ?= 10
soak: binaries ## Load with random faults, MINUTES=10; a table, exit 1 on any violation (not part of the tests)
	@$(BIN)/python -m tests.cluster.faults.soak --minutes $(MINUTES)

generate: $(STAMP) ## Write the generated files: CRD, chart schema, RBAC
	@$(BIN)/python -m tools.generate

generate-check: $(STAMP)
	@$(BIN)/python -m tools.generate --check

requirements: $(STAMP) ## Pin the requirement files anew (newest versions, with hashes)
	@for extras in configgen: "controller:--extra=controller --extra=redis --extra=otel" \
	    "dev:--extra=controller --extra=dev --extra=lock"; do \
	  $(BIN)/uv pip compile pyproject.toml $${extras#*:} --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements/$${extras%%:*}.txt; done
	@$(BIN)/uv pip compile requirements/moto.in --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements/moto.txt

clean: ## Remove what the targets made in this folder (not the cached binaries)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov build dist
