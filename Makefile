# `make demo` and `make test` set themselves up; `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8000
ARGS ?=
RUN = .venv/bin/python
# Words of the demo, examples of addresses, alphabets.
NO_SECRET = demo-only-secret|demo supplier|user:password|ALPHABET|OneTimeSecret
UNIT = not browser and not faults and not benchmark
# Compiled once, beside the data: without it each process takes seconds more to start.
export PYTHONPYCACHEPREFIX = $(CURDIR)/var/pycache
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL = help
.PHONY: help setup setup-dev demo test browser screenshots faults bench lint types guards mutations coverage lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with the locked packages
	@$(PYTHON) config/bootstrap.py

setup-dev: ## the same with what tests and checks need
	@$(PYTHON) config/bootstrap.py dev

demo: setup ## everything on one machine (PORT=8000, RESET=1 begins anew, IMPORT=path reads FHIR records)
	@exec env PORT="$(PORT)" RESET=$(RESET) IMPORT="$(IMPORT)" PATIENTS=$(or $(PATIENTS),400) $(RUN) -m config.demo

test: setup-dev ## the suite, in parallel over the cores (ARGS="-k chat")
	@$(RUN) -m pytest -n auto --dist loadfile -m "$(UNIT)" $(ARGS)

browser: setup-dev ## the stories in headless Chromium
	@$(RUN) -m pytest -m browser --timeout 240 $(ARGS)

screenshots: setup-dev ## the README's pictures, of a demo that runs on PORT
	@PORT=$(PORT) $(RUN) -m tests.browser.screenshots

faults: setup-dev ## what the chat promises while parts are killed (SEEDS=20)
	@SEEDS=$(or $(SEEDS),20) $(RUN) -m pytest -m faults --timeout 900 $(ARGS)

bench: setup-dev ## one table of ratios against bare floors (BENCH="chat files" measures these alone)
	@$(RUN) -m pytest $(or $(BENCH:%=tests/benchmarks/test_%.py),tests/benchmarks) -m benchmark --timeout 3600 -q $(ARGS)

lint: setup-dev ## ruff, templates, import line, secrets
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	@$(RUN) -m djlint --lint --quiet templates
	@.venv/bin/lint-imports --no-cache
	@git ls-files -z -- ':!requirements*.txt' ':!*.lock' ':!static/package-lock.json' ':!*.po' ':!tests' \
		| xargs -0 .venv/bin/detect-secrets-hook --exclude-lines '$(NO_SECRET)'

types: setup-dev ## mypy, strictly
	@$(RUN) -m mypy

guards: setup-dev ## the tests over the whole tree alone
	@$(RUN) -m pytest tests/guards -q $(ARGS)

mutations: setup-dev ## take protections away one at a time: the tests must notice (ARGS="lock csrf")
	@$(RUN) -m tests.guards.mutations $(ARGS)

coverage: setup-dev ## branch coverage of the suite
	@$(RUN) -m pytest -n auto --dist loadfile -m "$(UNIT)" --cov --cov-report=term --cov-report=html $(ARGS)

LOCK = .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --quiet --group setup
lock: setup-dev ## pin what pyproject.toml asks for (UPGRADE=--upgrade takes newer ones)
	@$(LOCK) $(UPGRADE) --output-file requirements.txt
	@$(LOCK) $(UPGRADE) --group dev --constraint requirements.txt --output-file requirements-dev.txt

clean: ## forget the demo's and the tests' data
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache htmlcov .coverage*
