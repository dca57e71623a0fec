# Two commands matter: `make run` opens the app, `make test` proves it. `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := python3.13 python3.12 python3.11 python3
VERSION := import os, pip, sys; here = {p + "/bin/" for p in (sys.prefix, os.path.realpath(sys.prefix))}; \
	print("%d.%d" % sys.version_info[:2] if any(map(open(sys.prefix + "/bin/pip").read().count, here)) else "elsewhere")
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
UV := uv==0.13.9
LOCK := --universal --python-version 3.11 --no-header --no-annotate --quiet

# The longest first, so that both processes end together.
WITHOUT_BROWSER := tests/contract tests/integration tests/unit mlvajra_al README.md docs

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check lint types contracts unit bench soak docs screenshots lock venv runtime dev machine

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name what; do \
		printf '%-18s %s\n' "$$name" "$$what"; done

run: runtime ## set up what is missing and open the app with its demo projects
	@exec $(BIN)/mlvajra run

test: dev machine lint types contracts ## set up what is missing and run everything CI runs
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(WITHOUT_BROWSER)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/e2e
	$(BIN)/mkdocs build --strict --quiet
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered

check: dev lint types contracts unit ## the fast part of the tests: lint, types, import contracts, unit

lint: dev ## style, format and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: dev ## mypy, strict
	$(BIN)/mypy

contracts: dev ## who may import whom
	$(BIN)/lint-imports --no-logo

unit: dev ## unit tests and doctests
	$(BIN)/python -m pytest -q tests/unit tests/contract mlvajra_al

bench: dev machine ## budgets and comparisons; hours, on an idle machine
	$(BIN)/python -m benchmarks

soak: dev machine ## the long tests: hours of labelling in minutes, with kills
	$(BIN)/python -m pytest -s -m soak tests

docs: dev ## build the documentation into site/
	$(BIN)/mkdocs build --strict --quiet

screenshots: dev machine ## retake the pictures in docs/images
	$(BIN)/python docs/screenshots.py

lock: venv ## resolve requirements.txt and requirements-dev.txt anew (UPGRADE=--upgrade for the newest)
	@test -x $(VENV)/uv/bin/uv || { $(BIN)/python -m venv $(VENV)/uv && $(VENV)/uv/bin/python -m pip install -q uv; }
	$(VENV)/uv/bin/uv pip compile $(LOCK) $(UPGRADE) pyproject.toml -o requirements.txt
	$(VENV)/uv/bin/uv pip compile $(LOCK) $(UPGRADE) pyproject.toml --extra dev -c requirements.txt -o requirements-dev.txt

# The first Python that runs and fits makes the virtual environment; one that is there and fits stays.
# A name on the PATH proves nothing (pyenv's shims exist for versions that are not chosen): it has to run.
# Nor does an environment that came here with its folder: its commands name the place where it was made.
venv:
	@have=$$($(BIN)/python -c '$(VERSION)' 2>/dev/null) || have=; \
	case $$have in 3.11|3.12|3.13) test -n '$(PYTHON)' || exit 0 ;; *) have= ;; esac; \
	seen=; \
	for python in $(or $(PYTHON),$(PYTHONS)); do \
		version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		seen="$${seen:+$$seen, }$$python is $$version"; \
		case $$version in 3.11|3.12|3.13) ;; *) continue ;; esac; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { seen="$$seen without venv (Debian: apt-get install python$$version-venv)"; continue; }; \
		test "$$version" != "$$have" || exit 0; \
		echo "Making $(VENV) with Python $$version."; \
		exec "$$python" -m venv --clear $(VENV); \
	done; \
	echo "mlvajra_al needs Python 3.11, 3.12 or 3.13, but found $${seen:-none that runs} (looked for: $(or $(PYTHON),$(PYTHONS))); install one and choose it, for example: make run PYTHON=python3.12" >&2; \
	exit 1

# uv installs in seconds what takes pip a minute or two; where uv cannot reach a registry (one that only
# pip is told of, say), pip does it.
install = { $(PIP) install --quiet $(UV) && $(BIN)/python -m uv pip install --quiet --python $(BIN)/python $(1); } \
	|| $(PIP) install --quiet $(1)

# What was installed is remembered by content, so that nothing is asked of a registry until it changes.
# Compared without cmp: small images of Fedora and others do not have it.
same = test "$$(cat $(1))" = "$$(cat $(2) 2>/dev/null)"
PACKAGE = $(call same,pyproject.toml,$(VENV)/.package) || { \
	{ $(call install,--no-deps -e .); } && cp pyproject.toml $(VENV)/.package; }

runtime: venv
	@$(call same,requirements.txt,$(VENV)/.runtime) || { set -e; \
		echo "Installing the locked dependencies into $(VENV), once: this takes a minute."; \
		$(call install,-r requirements.txt); \
		cp requirements.txt $(VENV)/.runtime; }
	@$(PACKAGE)

dev: venv
	@$(call same,requirements-dev.txt,$(VENV)/.dev) || { set -e; \
		echo "Installing the locked dependencies and the tools of development into $(VENV), once."; \
		$(call install,--no-deps -r requirements-dev.txt); \
		cp requirements.txt $(VENV)/.runtime; \
		cp requirements-dev.txt $(VENV)/.dev; }
	@$(PACKAGE)

# What the tests need from the machine: a browser must be there; without PostgreSQL its tests are skipped.
machine:
	@browser() { for name in "$$CHROMIUM" chromium chromium-browser google-chrome google-chrome-stable; do \
		test -n "$$name" && command -v "$$name" >/dev/null && return 0; done; return 1; }; \
	database() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; }; \
	if browser && database; then exit 0; fi; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then set -e; \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
		browser || apt-get install -y -qq --no-install-recommends chromium; \
		database || apt-get install -y -qq --no-install-recommends postgresql; exit 0; fi; \
	browser || { echo "The browser tests need Chromium: install it (Debian: sudo apt-get install chromium; Fedora: sudo dnf install chromium; macOS: brew install --cask chromium) or name it: make test CHROMIUM=/path/to/chromium" >&2; exit 1; }; \
	echo "PostgreSQL was not found, so its tests are skipped (Debian: sudo apt-get install postgresql)." >&2

export CHROMIUM
# Where this is set, as in many containers, each process compiles what it imports: half of its start.
export PYTHONDONTWRITEBYTECODE :=
export COVERAGE_FILE := $(CURDIR)/.coverage
export NO_MKDOCS_2_WARNING := 1
