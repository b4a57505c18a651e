# The two commands of the README, and what they are made of.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APT := $(shell command -v apt-get 2>/dev/null)
CHROMIUM := $(shell command -v chromium chromium-browser google-chrome 2>/dev/null | head -n 1)

.PHONY: serve test check format bench chromium clean

## serve: install into .venv, and serve the packaged graph at http://127.0.0.1:8080/
serve: $(VENV)/.installed
	$(BIN)/pharmakon serve

## test: install with the test extra, and run every test
# Two at a time, but for those that measure how long visitors wait: they have the machine alone.
test: $(VENV)/.tested chromium
	$(BIN)/pytest --numprocesses 2 --dist worksteal --ignore tests/hostile
	$(BIN)/pytest tests/hostile

## check: everything that is not a test: format, types, layers, Turtle
check: $(VENV)/.tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/turtlefmt --check ontology tests/data
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pharmakon validate

## format: put Python and Turtle into their one form
format: $(VENV)/.tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/turtlefmt ontology tests/data

## bench: install with the bench extra, and compare the endpoint with other servers
bench: $(VENV)/.benched
	$(BIN)/python bench/endpoints.py

# The browser tests need Chromium. Where apt and the right to use it are there, they get it.
chromium:
ifeq ($(CHROMIUM),)
ifneq ($(APT),)
	if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q chromium; fi
endif
endif

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.tested: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.benched: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
