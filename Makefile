# What a person types. `make run` and `make test` need Python 3.11 or newer, make and a network to the package registries.
SHELL := /bin/sh
PY := .venv/bin/python
# Seeds of the fault tests: printed, and repeatable by `make test-slow SEED=123`.
SEED ?= $(shell date +%s)
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test test-slow torture bench lint format clean runtime dev

help:
	@echo "make run        start Isthmus with the demo plant (make run PLANT=file.yaml: with another)"
	@echo "make test       the tests, about four minutes"
	@echo "make test-slow  kill, outage and fault tests"
	@echo "make torture    the same with their full counts"
	@echo "make lint       format, lint, types, imports, templates, system checks, migrations, JavaScript"
	@echo "make format     put the format right"
	@echo "make bench      the measurements in benchmarks/"
	@echo "make clean      remove what the above installed (never DATA_DIR)"

run: runtime
	@$(PY) -m hmi.launch

runtime:
	@sh hmi/launch/install.sh runtime

dev:
	@sh hmi/launch/install.sh dev

test: dev
	$(PY) -m pytest -n 3 --dist loadgroup -m "not slow"

torture: export ISTHMUS_TORTURE = 1
test-slow torture: dev
	@echo "seed $(SEED)"
	ISTHMUS_SEED=$(SEED) $(PY) -m pytest -m slow --durations=15 --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)

bench: dev
	$(PY) -m benchmarks

lint: export DATA_DIR := $(CURDIR)/.mypy_cache/site
lint: dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy .
	.venv/bin/lint-imports --no-cache
	$(PY) -m djlint --check --lint templates
	$(PY) -W error::RuntimeWarning manage.py check --fail-level WARNING
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) -m tests.house_rules
	@if node --version >/dev/null 2>&1; then echo "tsc --project ."; node node_modules/typescript/bin/tsc --project .; \
	else echo "No node on this machine: the types of static/js are not checked."; fi

format: dev
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .
	$(PY) -m djlint --reformat --quiet templates || true

clean:
	rm -rf .venv .venv-node node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
