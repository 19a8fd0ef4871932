# Everything that a newcomer or a CI machine runs. Each target sets up .venv by itself from a lock
# with hashes, and does so again only when that lock changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# What builds it is in the locks: nothing is downloaded here.
INSTALL_PROJECT = $(PIP) install --quiet --no-deps --no-build-isolation --editable .
# A lock names all that is needed: nothing is resolved again. (Where it is, an older pip takes a newer
# version for `name[extra]` than the one that is locked, and then refuses it.)
EXACTLY = --require-hashes --no-deps
PACKAGES := ledger contracts verifier replay dashboards writ
# Each of these must be covered by itself: a large package must not hide a small one.
COVERED := ledger contracts verifier replay
# Tests of the whole, by its commands, its pages and its servers, and those that run one thing in
# many ways: what they reach, the tests of its parts have counted, and counting takes a third longer.
UNCOUNTED := $(addprefix tests/,adapters benchmarks browser crash dashboards reference service tamper \
  tutorial writ contracts/test_column_fact_mistakes.py contracts/test_columns_fuzz.py \
  contracts/test_columns_mistakes.py contracts/test_columns_overloads.py \
  contracts/test_library_scenarios.py guard/test_processes.py verifier/test_ordinary_postgresql.py)
# One more than processors: some tests wait for what others do.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1)
# Pinned here and not in dev.txt: it makes the locks, so it cannot come from them.
UV_VERSION := 0.13.9
LOCK_VENV := .cache/lock
DEMO := .cache/demo

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo app test check-types check-rest pictures system bench fuzz fmt lock clean venv python-version

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/run.stamp ## Run the demonstration (installs only what running needs)
	@rm -rf $(DEMO)
	$(BIN)/writ demo --dir $(DEMO) $(DEMO_FLAGS)

app: $(VENV)/app.stamp $(DEMO)/truth.json ## Open the review app on the demonstration's ledger
	$(BIN)/writ app $(DEMO)/refunds.db --trust $(DEMO)/refunds.db.trust.json --as reviewer $(APP_FLAGS)

# What is written last says that the ledger is whole: one that was interrupted is made again.
$(DEMO)/truth.json: | $(VENV)/app.stamp
	rm -rf $(DEMO)
	$(BIN)/writ demo --dir $(DEMO) $(DEMO_FLAGS)

test: ## Run every gate: lint, types, import direction, tests, coverage
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/dev.stamp system
	@$(MAKE) --no-print-directory --jobs=2 check-types check-rest
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report= \
	  $(addprefix --ignore=,$(UNCOUNTED))
	@set -e; for package in $(COVERED); do \
	  echo "== coverage of $$package"; $(BIN)/coverage report --include="$$package/*"; \
	done
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/pytest -n $(WORKERS) --dist worksteal $(UNCOUNTED)

# Side by side: one takes as long as the others together.
check-types: $(VENV)/dev.stamp
	$(BIN)/pyright --warnings

check-rest: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

pictures: $(VENV)/dev.stamp system $(DEMO)/truth.json ## Take the pictures of the app in docs/pictures again
	$(BIN)/python -m tests.browser.pictures --demo $(DEMO)

system: ## Install a Chromium and PostgreSQL for the tests, where they are missing and root can
	@tests/system.sh

fuzz: $(VENV)/dev.stamp ## Run the property tests for longer, on new random examples
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -n auto -o faulthandler_timeout=0 -m hypothesis tests

bench: $(VENV)/dev.stamp ## Run each benchmark with its defaults
	@set -e; for file in $(sort $(filter-out benchmarks/histories.py,$(wildcard benchmarks/*.py))); do \
	  echo "== $$file"; $(BIN)/python "$$file"; \
	done

fmt: $(VENV)/dev.stamp ## Format, and apply the lint fixes that are safe
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

venv: $(VENV)/dev.stamp ## Only set up .venv, with all that development needs

lock: $(LOCK_VENV)/stamp ## Resolve the dependencies again and rewrite requirements/
	$(LOCK_VENV)/bin/uv $(LOCK_FLAGS) --all-extras --output-file requirements/dev.txt pyproject.toml
	$(LOCK_VENV)/bin/uv $(LOCK_FLAGS) --constraint requirements/dev.txt --no-annotate --output-file requirements/run.txt pyproject.toml
	$(LOCK_VENV)/bin/uv $(LOCK_FLAGS) --constraint requirements/dev.txt --no-annotate --extra app --output-file requirements/app.txt pyproject.toml

LOCK_FLAGS = pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --group build

clean: ## Remove .venv and everything that can be made again
	rm -rf $(VENV) .cache .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find $(wildcard $(PACKAGES)) tests $(wildcard benchmarks) -type d -name __pycache__ -prune -exec rm -rf {} +

# A stamp is written last: an install that was interrupted is done again. The project has a stamp
# of its own, so that an edited setting in pyproject.toml does not go through the whole lock again.
$(VENV)/dev.stamp: $(VENV)/dev.lock.stamp pyproject.toml
	$(INSTALL_PROJECT)
	@touch $(VENV)/run.stamp $(VENV)/app.stamp $@

$(VENV)/dev.lock.stamp: requirements/dev.txt | $(BIN)/python
	$(PIP) install --quiet $(EXACTLY) --requirement $<
	@touch $(VENV)/run.lock.stamp $(VENV)/app.lock.stamp $@

$(VENV)/app.stamp: $(VENV)/app.lock.stamp pyproject.toml
	$(INSTALL_PROJECT)
	@touch $(VENV)/run.stamp $@

$(VENV)/app.lock.stamp: requirements/app.txt | $(BIN)/python
	$(PIP) install --quiet $(EXACTLY) --requirement $<
	@touch $(VENV)/run.lock.stamp $@

# dev.txt holds all of app.txt, and that all of run.txt, at the same versions: what was set up for
# more serves here too.
$(VENV)/run.stamp: $(VENV)/run.lock.stamp pyproject.toml
	$(INSTALL_PROJECT)
	@touch $@

$(VENV)/run.lock.stamp: requirements/run.txt | $(BIN)/python
	$(PIP) install --quiet $(EXACTLY) --requirement $<
	@touch $@

$(BIN)/python: | python-version
	$(PYTHON) -m venv $(VENV)

python-version:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Writ needs Python 3.11 or newer, and "$(PYTHON)" is not one. Name another: make PYTHON=python3.12 ...' >&2; exit 1; }

$(LOCK_VENV)/stamp: Makefile | python-version
	$(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION)
	@touch $@
