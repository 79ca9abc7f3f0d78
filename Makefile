# Every target sets up what it needs by itself; the only requirements are Python 3.11+, make and git.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
ARGS ?=

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv  ## a call comes in, its audio is streamed and checked: the whole main job on this machine
	$(BIN)/callstream demo $(ARGS)

.PHONY: test
test: .venv  ## run all tests (ARGS='-k watch' to choose)
	$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: .venv  ## all that CI runs: format, lint, types, layers, generated code, proto, dead code, tests with coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(MAKE) --no-print-directory check-gen check-proto
	$(BIN)/coverage erase
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

.PHONY: fix
fix: .venv  ## format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: gen
gen: .venv  ## generate the stubs from proto/
	$(BIN)/python tools/generate.py

.PHONY: check-gen
check-gen: .venv  ## fail when the committed stubs differ from a fresh generation
	$(BIN)/python tools/generate.py --check

.PHONY: conformance
conformance: .venv  ## hold every client to the same scenarios (LANGUAGE=go, SCENARIO=resume to choose)
	$(BIN)/python tools/conformance.py $(if $(LANGUAGE),--language $(LANGUAGE)) $(if $(SCENARIO),--scenario $(SCENARIO))

.PHONY: check-proto
check-proto: .venv  ## lint the contract, and look for breaking changes against main
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf lint
	$(BIN)/python tools/breaking.py

.PHONY: fuzz
fuzz: STEPS ?= 100000
fuzz: .venv  ## meet the protocol and the engine with anything, in any order (STEPS=100000 in total)
	FUZZ_STEPS=$$(( $(STEPS) / 2 )) $(BIN)/python -m pytest tests/fuzz --timeout=0 $(ARGS)

.PHONY: chaos
chaos: .venv  ## RELAY and the gateway go wrong at random, then every promise is checked (SEED=7 MINUTES=2 KILLS=9)
	$(BIN)/python tools/chaos.py $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(KILLS),--kills $(KILLS)) $(ARGS)

.PHONY: rolling
rolling: MINUTES ?= 1
rolling: .venv  ## restart the gateway twice under load: no event missed, no start failed, no secret shown (MINUTES=1)
	ROLLING_SECONDS=$$(( 60 * $(MINUTES) )) $(BIN)/python -m pytest -s tests/faults/test_rolling_restart.py $(ARGS)

.PHONY: soak
soak: MINUTES ?= 10
soak: .venv  ## constant load and recurring losses, watched for anything that grows; plots out/soak.png (MINUTES=10)
	$(BIN)/python tools/soak.py --minutes $(MINUTES) $(ARGS)

.PHONY: image-check
image-check: .venv  ## build the container image without an engine (root, buildah, debootstrap), run it, hold it to its promises
	$(BIN)/python tools/image_check.py $(ARGS)

.PHONY: sbom
sbom: .venv  ## write what the images hold of Python to out/sbom/ (CycloneDX)
	$(BIN)/python tools/supply_chain.py sbom

.PHONY: audit
audit: .venv  ## ask about known vulnerabilities of all that is locked (ARGS=--strict to fail when nobody can be asked)
	$(BIN)/python tools/supply_chain.py audit $(ARGS)

.PHONY: bench
bench: .venv  ## the gateway against the stack's own ceiling, as ratios; writes out/bench.md (ONLY=starts ROUNDS=5 QUICK=1)
	$(BIN)/python tools/bench.py $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

.PHONY: lock
lock: .venv  ## resolve requirements/*.txt again from pyproject.toml (hashes, no addresses)
	$(BIN)/python tools/lock.py

.PHONY: clean
clean:  ## remove what the targets made
	rm -rf .venv .cache .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist out

.PHONY: .venv
.venv: $(STAMP)  ## the virtual environment, from the locked requirements

$(STAMP): requirements/dev.txt
	@echo "setting up .venv (Python $$($(PYTHON) -c 'import platform; print(platform.python_version())'))"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'callstream needs Python 3.11 or newer: set PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
