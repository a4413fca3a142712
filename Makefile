# Every target installs what it needs into .venv once, and is quick the second time.
# Variables: DATA=file (demo), DB=postgres (demo, test), PORT=8000 (demo, run, stream), NAME=routing (bench).

PYTHON ?= python3
PORT ?= 8000
NAME ?= routing
COV ?= --cov --cov-report=term:skip-covered
SERVERS := browser or redis or neo4j or processes
BIN := .venv/bin
RUN := $(BIN)/python
MANAGE := $(RUN) manage.py
HERE := $(CURDIR)

# Demo, servers and tests start many processes: each file is compiled once, whatever the image says.
unexport PYTHONDONTWRITEBYTECODE

# The URL of the database that a target works on: SQLite, or the embedded PostgreSQL with DB=postgres.
ifeq ($(DB),postgres)
RUNTIME := .venv/.extra
URL = $$($(RUN) -m hopper.common.db.embedded start $(HERE)/var/postgres $(1))
else
RUNTIME := .venv/.runtime
URL = sqlite:///$(HERE)/var/$(1).db
endif

.DEFAULT_GOAL := help
.PHONY: help demo test servers run worker beat relay stream lint schema check bench redis neo4j clean

help:
	@sed -n 's/^\([a-z0-9]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Hopper needs Python 3.11 or newer: make PYTHON=python3.12 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.extra: requirements-extra.txt .venv/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-extra.txt
	@touch $@

.venv/.dev: requirements-dev.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ .venv/.runtime .venv/.extra

demo: $(RUNTIME) ## learn from real tasks, route unseen ones, show the result, serve admin and API
	@mkdir -p var
	@DATABASE_URL="$(call URL,demo)" $(MANAGE) demo --fresh --port $(PORT) $(if $(DATA),--data $(DATA))

test: .venv/.dev ## every test that stays in its process, on SQLite or with DB=postgres on PostgreSQL
	@mkdir -p var
	@DATABASE_URL="$(call URL,test)" $(RUN) -m pytest -n 2 --dist worksteal -m "not ($(SERVERS))" $(COV) $(ARGS)

servers: .venv/.dev ## the tests that need Chromium, Redis or Neo4j, or start processes of their own
	@mkdir -p var
	@DATABASE_URL="$(call URL,test)" $(RUN) -m pytest -n 2 --dist loadgroup -m "$(SERVERS)" $(ARGS)

run: $(RUNTIME) ## serve admin, API and live stream, and what Celery beat would do where there is no broker
	@$(MANAGE) check && $(MANAGE) serve --port $(PORT)

worker: .venv/.runtime ## a Celery worker
	@$(MANAGE) check && $(BIN)/celery -A hopper worker --loglevel INFO

beat: .venv/.runtime ## the Celery schedule
	@mkdir -p var
	@$(MANAGE) check && $(BIN)/celery -A hopper beat --loglevel INFO --schedule var/celerybeat-schedule

relay: .venv/.runtime ## the schedule in one process, without a broker
	@$(MANAGE) check && $(MANAGE) relay

stream: .venv/.runtime ## the live stream of events, at PORT + 1
	@$(MANAGE) check && $(MANAGE) stream --port $$(($(PORT) + 1))

lint: .venv/.dev ## style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

schema: .venv/.dev ## the description of the API, without a warning
	@$(MANAGE) spectacular --validate --fail-on-warn --file /dev/null

check: lint schema ## lint, types, architecture, schema
	@$(BIN)/lint-imports
	@$(RUN) -m pytest -q $(addprefix hopper/tests/test_,architecture.py code_rules.py model_rules.py doors.py migrations.py docs.py)
	@$(MANAGE) makemigrations --check --dry-run

bench: .venv/.dev ## a benchmark: NAME=routing, http, claims, vectors, embed, events, stream, tree, graph or quality
	@$(RUN) -m bench.$(NAME) $(ARGS)

redis: ## a Redis for development, if redis-server is installed
	@command -v redis-server >/dev/null || { echo "Install Redis first, like: apt-get install redis-server"; exit 1; }
	redis-server --bind 127.0.0.1 --port 6379 --save "" --appendonly no

neo4j: ## a Neo4j for development, from Maven's artifacts, if Java 17 and Maven are installed; NEO4J_URL=bolt://127.0.0.1:7687
	@.ci/neo4j/run var/neo4j/dev 7687

clean: ## remove what make and Hopper made here: .venv, caches, demo and test databases
	@if [ -x $(RUN) ] && [ -d var/postgres ]; then $(RUN) -m hopper.common.db.embedded stop var/postgres || true; fi
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
