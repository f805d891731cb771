# Everything runs from .venv, which scripts/setup makes from the locked requirements.
SHELL := /bin/bash
PYTHON := .venv/bin/python
STAMP := .venv/.pocketlm-setup

.PHONY: help setup demo test test-android test-arm64 apk android-assets check lock clean

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 15

setup: $(STAMP) ## .venv from requirements.lock, the package itself, the native runners

$(STAMP): requirements.lock pyproject.toml scripts/setup
	scripts/setup
	@touch $@

demo: setup ## train, export, verify, measure and suggest, end to end
	.venv/bin/pocketlm demo

test: setup ## all tests; those of Android where there is a JDK 17 with Maven
	$(PYTHON) -m pytest
	scripts/test-android
	$(PYTHON) scripts/test-arm64

test-android: setup ## the Android app's tests, on a JVM
	scripts/test-android

test-arm64: setup ## the native runners for arm64, under qemu, against this machine's
	$(PYTHON) scripts/test-arm64

android-assets: setup ## the shipped English model into the app's sources, for Android Studio
	$(PYTHON) -m pocketlm.export.android android_demo/app/src/main/assets

apk: setup ## a signed debug APK for arm64, as a check of what goes into it
	scripts/apk

check: setup ## ruff and mypy --strict
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

lock: ## write requirements.lock anew from the ranges in pyproject.toml
	scripts/lock

clean: ## remove what setup and the builds made
	rm -rf .venv .uv build dist src/*.egg-info
