# What one does with this tree; `make` lists it. Every line also runs by hand.
.DEFAULT_GOAL := help
BEFORE ?= ../before
.PHONY: help test fast lint docs site constraints numbers measures bench

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

test: ## every test; starts engines, takes half an hour
	pytest

fast: ## the tests that need no engine: unit, property, golden
	pytest -m "not engine" tests/unit tests/property tests/golden tests/bare

lint: ## style, types, floors
	ruff check .
	ruff format --check .
	mypy
	lint-imports

docs: ## write the generated pages of the documentation
	python docs/_site/cli_reference.py
	python docs/_site/plugin_reference.py
	python docs/_site/api_reference.py
	python docs/_site/architecture_tree.py

site: docs ## build the documentation into build/site
	python -m mkdocs build --strict

constraints: ## write constraints/EXTRA.txt: the versions of this environment, in which the tests passed
	python .ci/constraints.py

numbers: ## record all published numbers of BEFORE (a tree) and of this one, and compare them byte for byte
	python benchmarks/published_numbers.py record build/numbers/before --package $(BEFORE)
	python benchmarks/published_numbers.py record build/numbers/here
	python benchmarks/published_numbers.py compare build/numbers/before build/numbers/here

measures: ## how the package is built: lengths, circles, rooms that a question enters
	python benchmarks/code_measures.py --list

bench: ## the short benchmarks: statistics and store
	python benchmarks/stats_speed.py
	python benchmarks/store_speed.py
