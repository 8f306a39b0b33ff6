# `make run` and `make test` set up what they need inside the checkout; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
CORES ?= 4
GROUPS := cluster estimators onnx

.PHONY: run packages test quick test-all lint docs exactness estimators bench calibration lock clean help
.DEFAULT_GOAL := help

run: $(VENV)/installed  ## build everything that the config names
	$(VENV)/bin/snakemake --cores $(CORES)
	@echo "The comparison is in results/report.html"

packages: $(VENV)/installed $(VENV)/cluster/installed $(VENV)/estimators $(VENV)/onnx  ## set up what the tests need

test: packages  ## run the tests, and the checks of style
	$(VENV)/bin/python -m pytest

quick: $(VENV)/installed  ## run the tests that a file can reach: make quick FILE=lineup/data/tables.py
	PYTHONPATH=.:tests $(VENV)/bin/python -m support.quick $(FILE)

test-all: packages  ## run the tests that take minutes, too
	$(VENV)/bin/python -m pytest -m ""

lint: $(VENV)/installed  ## run the checks of style alone
	$(VENV)/bin/python -m pytest tests/test_style.py

docs: $(VENV)/installed  ## write the reference pages from their sources
	$(VENV)/bin/python docs/reference.py

exactness: $(VENV)/installed  ## make each change of docs/exactness.md, also to plain Snakemake, and write the table
	$(VENV)/bin/python docs/exactness.py

estimators: $(VENV)/installed  ## try all estimators of scikit-learn, and write docs/estimators.md
	$(VENV)/bin/python docs/estimators.py

bench: $(VENV)/installed  ## time the pipeline beside one plain script of the same work
	$(VENV)/bin/python benchmarks/bench.py

calibration: $(VENV)/installed  ## measure how often the intervals and verdicts are right (an hour), and write docs/calibration.md
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks.calibration

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The packages go into the checkout and nowhere else. The mark is written when all of them are there. They are compiled
# on all cores, which pip does not, but for their own tests; a file for another version of Python stays as it is.
$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-compile --requirement requirements.txt
	$(VENV)/bin/python -m compileall -qq -j 0 -x /tests/ $(VENV)/lib || true
	touch $@

# For models of packages beside scikit-learn, and to write models as ONNX: what the base does not have, with all that it needs.
$(VENV)/estimators $(VENV)/onnx: $(VENV)/%: requirements-%.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --requirement $<
	touch $@

# For the tests that submit jobs. They stand apart, because Snakemake loads each plugin that it finds at every start.
$(VENV)/cluster/installed: requirements-cluster.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --upgrade \
	  --target $(VENV)/cluster --requirement requirements-cluster.txt
	touch $@

# torch brings its own pins of the CUDA packages, which a CPU build does without: they stay out of the lock.
# All is resolved together, then what each part needs; the lock of a group is what the base does not have.
lock:  ## renew the lock files and environment.yml from pyproject.toml
	rm -rf $(VENV)-lock && mkdir $(VENV)-lock
	for part in all base; do \
	  $(PYTHON) -m venv $(VENV)-lock/$$part && \
	  $(VENV)-lock/$$part/bin/python -m pip install --quiet --upgrade 'pip>=25.1' || exit 1; done
	$(VENV)-lock/all/bin/python -m pip install --quiet --group run --group test $(GROUPS:%=--group %)
	$(VENV)-lock/all/bin/python -m pip freeze > $(VENV)-lock/all.txt
	$(VENV)-lock/base/bin/python -m pip install --quiet --group run --group test --constraint $(VENV)-lock/all.txt
	$(VENV)-lock/base/bin/python -m pip freeze > $(VENV)-lock/base.txt
	{ sed -n '/^#/p' requirements.txt; cat $(VENV)-lock/base.txt \
	  | sed 's/+cpu$$//' | grep -v -i -E '^(cuda|nvidia|triton)'; } > requirements.new
	mv requirements.new requirements.txt
	for part in $(GROUPS); do \
	  $(VENV)-lock/base/bin/python -m pip install --quiet --dry-run --report $(VENV)-lock/$$part.json --group $$part \
	    --constraint $(VENV)-lock/all.txt && \
	  { sed -n '/^#/p' requirements-$$part.txt; $(PYTHON) -c 'import json, sys; \
	    found = [one["metadata"] for one in json.load(open(sys.argv[1]))["install"]]; \
	    print(*sorted((one["name"] + "==" + one["version"] for one in found), key=str.lower), sep="\n")' \
	    $(VENV)-lock/$$part.json; } > requirements.new && mv requirements.new requirements-$$part.txt || exit 1; done
	{ sed '/- pip:$$/q' environment.yml; sed -n '/==/s/^/      - /p' requirements.txt; } > environment.new
	mv environment.new environment.yml
	rm -rf $(VENV)-lock

clean:  ## remove the results; the packages and the local data stay
	find results -mindepth 1 ! -name .gitignore -delete

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
