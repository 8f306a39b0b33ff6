# `make run` and `make test` set up what they need inside the checkout; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
CORES ?= 4

.PHONY: run test lint docs bench rulegraph lock clean help
.DEFAULT_GOAL := help

run: $(VENV)/installed  ## build everything that the config names
	$(VENV)/bin/snakemake --cores $(CORES)
	@echo "The comparison is in results/report.html"

test: $(VENV)/installed  ## run the tests, and the checks of style
	$(VENV)/bin/python -m pytest

lint: $(VENV)/installed  ## run the checks of style alone
	$(VENV)/bin/python -m pytest tests/test_style.py

docs: $(VENV)/installed  ## write the reference pages from their sources
	$(VENV)/bin/python docs/reference.py

bench: $(VENV)/installed  ## time the pipeline beside one plain script of the same work
	$(VENV)/bin/python benchmarks/bench.py

rulegraph: $(VENV)/installed  ## draw results/rulegraph.svg
	$(VENV)/bin/snakemake --cores 1 rulegraph

# The packages go into the checkout and nowhere else. The mark is written when all of them are there.
$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --requirement requirements.txt
	touch $@

# torch brings its own pins of the CUDA packages, which a CPU build does without: they stay out of the lock.
lock:  ## renew requirements.txt and environment.yml from pyproject.toml
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-lock/bin/python -m pip install --quiet --group run --group test
	{ sed -n '/^#/p' requirements.txt; $(VENV)-lock/bin/python -m pip freeze \
	  | sed 's/+cpu$$//' | grep -v -i -E '^(cuda|nvidia|triton)'; } > requirements.new
	mv requirements.new requirements.txt
	{ sed '/- pip:$$/q' environment.yml; sed -n '/==/s/^/      - /p' requirements.txt; } > environment.new
	mv environment.new environment.yml
	rm -rf $(VENV)-lock

clean:  ## remove the results; the packages and the local data stay
	find results -mindepth 1 ! -name .gitignore -delete

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
