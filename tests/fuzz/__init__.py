"""Hostile files: the same targets under Hypothesis (in the tests) and atheris (scripts/fuzz)."""
