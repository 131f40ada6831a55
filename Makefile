# What one does with this tree. `make` or `make help` lists everything.

VENV   ?= .venv
BIN    := $(VENV)/bin
# A Python of at least 3.11; name another with `make PYTHON=/path/to/python …`.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
# More flags for `serve`, more options for `test`, what `bench` is to do.
ARGS   ?=
TORTURE_ROUNDS ?= 1000
ROOMS  := access blobs bus disk gateway index ingest processors query schemas strandline
# Only a vulnerability that is found fails: where the advisories cannot be had (no network, an index without
# them), that is said and passed over.
AUDIT   = @found=$$(timeout 120 $(BIN)/pip-audit --progress-spinner off --timeout 5 --skip-editable 2>&1) \
	&& echo "$$found" | head -1 \
	|| case "$$found" in *" known vulnerabilit"*) echo "$$found"; exit 1;; \
	*) echo "pip-audit: the advisories are out of reach; dependencies were not checked";; esac
CLUSTER_ROUNDS ?= 100
FUZZ_REQUESTS ?= 10000

.PHONY: help venv serve test clients test-cluster cluster-services cluster cluster-stop test-clients check format bench bench-growth bench-cluster fuzz torture torture-cluster docs clean
.DELETE_ON_ERROR:

help: ## list the targets
	@echo "Strandline: make TARGET [ARGS='…'] [PYTHON=python3.11] [VENV=.venv]"
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "%-20s%s\n", $$1, $$2}'

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Strandline needs Python 3.11 or later, and none was found: install one, or \
	name it with make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
	"Strandline needs Python 3.11 or later; $(PYTHON) is $$("$(PYTHON)" -V 2>&1 | tail -n 1)" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# Stamps: an environment is made again only when the list of dependencies has changed.
$(VENV)/.installed: pyproject.toml ingest/_md5_lanes.c | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[oidc,select]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml ingest/_md5_lanes.c | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cluster,oidc,select,dev]'
	@touch $(VENV)/.installed $@

venv: $(VENV)/.installed-dev ## make the virtual environment, with what tests and checks need

serve: $(VENV)/.installed ## run the store on ./strandline-data, S3 on port 9000, REST API on 9001 (ARGS='--workers 2' …)
	$(BIN)/strandline serve --data-dir ./strandline-data $(ARGS)

test: $(VENV)/.installed-dev ## run all tests but those of a cluster (ARGS='-k listing' …)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not cluster' $(ARGS)

clients: $(VENV)/.installed-dev ## run other people's clients against the store, and write docs/clients.md
	$(BIN)/python -m pytest -m client --clients-page docs/clients.md tests/s3 $(ARGS)

test-cluster: $(VENV)/.installed-dev ## run the tests of cluster mode, and the S3 tests against a cluster
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'cluster and not torture' --mode cluster $(ARGS)

cluster-services: $(VENV)/.installed-dev ## fetch Kafka, Cassandra, MinIO, toxiproxy into .cache/ (needs Java, Maven, Go)
	$(BIN)/python -m compose.native fetch

cluster: $(VENV)/.installed-dev ## start a cluster on this machine, with gateways and workers (ARGS='--nodes 3')
	$(BIN)/python -m compose.native up $(ARGS)

cluster-stop: $(VENV)/.installed-dev ## stop it; its data stays in .cache/cluster/state
	$(BIN)/python -m compose.native down $(ARGS)

test-clients: ## install the clients and tools that some tests need: AWS CLI, rclone, s3fs, SDKs … (Debian, root)
	scripts/install-test-clients

check: $(VENV)/.installed-dev ## formatting, lint, types, security lint, known vulnerabilities of dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/bandit -q -ll -c pyproject.toml -r $(ROOMS)
	$(AUDIT)

format: $(VENV)/.installed-dev ## format the code, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## compare with MinIO on this machine (ARGS='--quick' …); results in bench/results/
	$(BIN)/python -m bench $(ARGS)

bench-growth: $(VENV)/.installed-dev ## the same requests at 1,000 keys and at 1,000,000 (ARGS='--keys …'); about 5 minutes
	$(BIN)/python -m bench growth $(ARGS)

bench-cluster: $(VENV)/.installed-dev ## measure a cluster on this machine (ARGS='--replicated' …); results in bench/results/
	$(BIN)/python -m bench.cluster $(ARGS)

fuzz: $(VENV)/.installed-dev ## send 10,000 requests that nobody means: no error of the server's own, no hang, no growth
	STRANDLINE_FUZZ_REQUESTS=$(FUZZ_REQUESTS) $(BIN)/python -m pytest tests/fuzz $(ARGS)

torture: $(VENV)/.installed-dev ## kill and restart the server 1,000 times and check that nothing was lost
	STRANDLINE_TEST_ROUNDS=$(TORTURE_ROUNDS) $(BIN)/python -m pytest tests/faults --timeout 0 $(ARGS)

torture-cluster: $(VENV)/.installed-dev ## hurt clusters in many rounds and judge what their clients were told
	STRANDLINE_TEST_ROUNDS=$(CLUSTER_ROUNDS) $(BIN)/python -m pytest -m cluster -rP --timeout 0 \
		tests/cluster/test_histories.py tests/cluster/test_histories_three_nodes.py $(ARGS)

docs: $(VENV)/.installed-dev ## write the reference pages under docs/ from the code
	$(BIN)/python -m strandline.reference_pages docs
	$(BIN)/python -m gateway.compatibility docs
	$(BIN)/python -m compose.gateway

clean: ## remove the virtual environment and caches; data and bench results stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
