# What one can do with this tree. Needs Python 3.11 or newer and make; `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test matrix fuzz bench drill check format docs lock clean

PORT ?= 8000
export PORT
SECONDS ?= 60

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## Set up and serve the demo site on this machine only (PORT=8000); its data is in .demo
	@.ci/bootstrap runtime
	@.venv-demo/bin/python manage.py migrate --verbosity 0
	@.venv-demo/bin/python manage.py seed_backstage
	@echo "Backstage: http://localhost:$(PORT)/   (Ctrl-C ends it)"
	@.venv-demo/bin/python manage.py runserver --noreload 127.0.0.1:$(PORT)

test:  ## Set up and run every test; what could not run is named at the end
	@.ci/system-packages
	@.ci/bootstrap dev
	@.venv/bin/python .ci/test

matrix:  ## Run the tests on the other Pythons, Djangos and databases, as far as they are here
	@.ci/system-packages
	@.ci/bootstrap dev
	@.venv-uv/bin/python .ci/matrix

fuzz:  ## Fuzz what reads the breach lists, with atheris (SECONDS=60 for each reader)
	@.ci/bootstrap fuzz
	@.venv-fuzz/bin/python -m tests.fuzz --seconds $(SECONDS)

check:  ## Lint, format, layers, dependencies, templates, spelling, types, migrations, docs
	@.ci/bootstrap dev types
	@.venv/bin/python .ci/check

bench:  ## Measure what the app costs, against plain Django (10 minutes; BENCH=--quick for a look)
	@.ci/system-packages
	@.ci/bootstrap dev
	@.venv/bin/python -m tests.bench $(BENCH)

drill:  ## Attack the demo's login in a throwaway database, with and without the app (DRILL=--full)
	@.ci/bootstrap runtime
	@.venv-demo/bin/python manage.py hardening_drill $(DRILL)

format:  ## Put the code into its format, mending what can be mended
	@.ci/bootstrap dev
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

docs:  ## Build the documentation into docs/_build/html
	@.ci/bootstrap dev
	@.venv/bin/sphinx-build -n -W -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lock:  ## Move every locked dependency to its newest release
	@.ci/bootstrap --lock

clean:  ## Remove environments, caches and the demo's data
	rm -rf .venv .venv-* .demo .screenshots docs/_build test-results
	rm -rf .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find hardening project tests docs -name __pycache__ -prune -exec rm -rf {} +
