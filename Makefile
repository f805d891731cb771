# Everything runs from .venv, which scripts/setup makes from the locked requirements.
SHELL := /bin/bash
PYTHON := .venv/bin/python
STAMP := .venv/.pocketlm-setup

.PHONY: help setup demo test check lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## .venv from requirements.lock, the package itself, the native runners

$(STAMP): requirements.lock pyproject.toml scripts/setup
	scripts/setup
	@touch $@

demo: setup ## train, export, verify, measure and suggest, end to end
	.venv/bin/pocketlm demo

test: setup ## the tests
	$(PYTHON) -m pytest

check: setup ## ruff and mypy --strict
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

lock: ## write requirements.lock anew from the ranges in pyproject.toml
	scripts/lock

clean: ## remove what setup and the builds made
	rm -rf .venv .uv build dist src/*.egg-info
