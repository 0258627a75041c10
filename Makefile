# `make` alone lists what there is.

VENV := .venv
PYTHON ?= python3
PIP := $(VENV)/bin/pip --disable-pip-version-check --quiet

# Exactly as given: it reaches recipes through the environment, so nothing in it is read by make or by the shell.
override URL := $(value URL)
override WORKERS := $(value WORKERS)
export URL WORKERS

ifeq ($(MAKECMDGOALS)$(URL),crawl)
$(error Which site? make crawl URL=https://example.org/ [ARGS="-a depth=2 -s DOWNLOAD_DELAY=1"])
endif

# Set to nothing, it lets Python keep what it compiled: tests and benchmarks start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

# Tests wait as much as they work: twice as many processes as the least machine has cores.
PROCESSES ?= 4
PYTEST = $(VENV)/bin/pytest -p no:cacheprovider

# Messages for each way in `make conformance`.
MANY ?= 1000

# Seconds for which each way is refused in `make refusals`.
DURATION ?= 60

# Without processes that have to be installed.
UNIT_TESTS = tests/discovery tests/documents tests/frontier tests/test_config.py tests/test_masking.py tests/test_testing.py

# Of `make fuzz`.
MINUTES ?= 5

.PHONY: help crawl test conformance rolling refusals kafka cluster clients typescript faults fuzz hostile bench peers docs throughput frontier-load frontier-cost simulation politeness dashboard-load recall revision \
	lock audit-dependencies clean debian

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20

crawl: $(VENV)/.requirements.txt ## bring back the PDFs of a site: make crawl URL=https://… [WORKERS=auto ARGS="-a depth=2"]
	@exec $(VENV)/bin/scrapy crawl pdfs -a urls="$$URL" $(if $(WORKERS),--workers "$$WORKERS") $(value ARGS)

test: $(VENV)/.requirements-test.txt debian ## check style and types, run all tests [ARGS="tests/records -x"]
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/mypy
	@$(PYTEST) --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(value ARGS)

conformance: $(VENV)/.requirements-test.txt debian ## test the promises of every transport, with 1,000 messages each [MANY=10000]
	@MANY=$(MANY) $(PYTEST) -m "slow or not slow" --timeout 1200 --numprocesses $(PROCESSES) --dist loadfile \
		tests/gateway/conformance $(value ARGS)

kafka: $(VENV)/.requirements-test.txt ## the same and more with a real Kafka: the one at KAFKA_URL, or one started by Java and Maven
	@test "$$KAFKA_URL" || { command -v java && command -v mvn; } >/dev/null || \
		{ echo >&2 'A real Kafka needs Java 17 and Maven, or KAFKA_URL=kafka://HOST:PORT'; exit 1; }
	@$(PYTEST) -m slow tests/gateway/conformance/test_kafka.py tests/gateway/test_kafka_broker.py $(value ARGS)

rolling: MANY = 5000
rolling: $(VENV)/.requirements-test.txt debian ## restart two gateways in turn every 5 s, under 5,000 messages on every transport [MANY=100]
	@MANY=$(MANY) $(PYTEST) -m slow tests/gateway/endurance/test_rolling_restart.py $(value ARGS)

refusals: $(VENV)/.requirements-test.txt debian ## let seven transports fail in turn for a minute each, beside an eighth under load [DURATION=10]
	@DURATION=$(DURATION) $(PYTEST) -m slow tests/gateway/endurance/test_refused_transports.py $(value ARGS)

cluster: $(VENV)/.requirements-test.txt debian ## kill each node of a RabbitMQ cluster of three once, under load
	@$(PYTEST) -m slow tests/gateway/endurance/test_rabbitmq_cluster.py $(value ARGS)

clients: $(VENV)/.requirements-test.txt debian ## run the masters of examples/ with old and new clients, each in an environment of its own
	@$(PYTEST) -m slow --numprocesses 2 tests/gateway/test_clients.py $(value ARGS)

typescript: $(VENV)/.requirements-test.txt ## run a master in TypeScript, generated from the OpenAPI document; needs node and npm
	@$(PYTEST) -m slow tests/gateway/test_typescript.py $(value ARGS)

.PHONY: manifests image
manifests: $(VENV)/.requirements-test.txt ## check what is in deploy/ against schemas, back up a fleet and restore it; needs Go
	@$(PYTEST) -m "slow or not slow" tests/deploy/test_deploy_files.py tests/deploy/test_deployment_page.py $(value ARGS)

image: $(VENV)/.requirements-test.txt ## run the Dockerfile's steps in a clean chroot, and a worker in it; needs root and debootstrap
	@$(VENV)/bin/python -m tests.deploy.image

faults: $(VENV)/.requirements-test.txt debian ## inject faults into crawls for an hour and audit the results [ARGS="--minutes 10"]
	@$(VENV)/bin/python -m tests.faults $(value ARGS)

fuzz: $(VENV)/.requirements-test.txt ## fuzz the parsers of pages, headers, documents and messages [MINUTES=5]
	@$(VENV)/bin/python -m tests.fuzz --minutes $(MINUTES) $(value ARGS)

hostile: $(VENV)/.requirements-test.txt debian ## measure a worker against hostile hosts [ARGS="anchors hosts endless.pdf"]
	@$(VENV)/bin/python -m tests.hostile $(value ARGS)

bench: $(VENV)/.requirements-test.txt ## measure the crawl against the stock Scrapy stack [ARGS="--all --rounds 5"]
	@$(VENV)/bin/python -m bench.compare $(value ARGS)

peers: ## install further crawlers for `make bench ARGS=--all`: Crawlee, libcurl, and with Go also Colly
	@$(PYTHON) -m venv build/peers/crawlee && build/peers/crawlee/bin/pip install --quiet crawlee selectolax
	@$(PYTHON) -m venv build/peers/libcurl && build/peers/libcurl/bin/pip install --quiet pycurl selectolax uvloop
	@if command -v go >/dev/null; then cd bench/peers/colly && go build -o ../../../build/peers/colly .; fi

throughput: $(VENV)/.requirements-test.txt debian ## measure the gateway beside each transport's bare client [ARGS="--only amqp"]
	@$(VENV)/bin/python -m bench.gateway $(value ARGS)

frontier-load: $(VENV)/.requirements.txt ## queue ten million links of one host, and see what that costs [ARGS="--links 1000000"]
	@$(VENV)/bin/python -m bench.frontier_load $(value ARGS)

frontier-cost: $(VENV)/.requirements-test.txt ## measure what the frontier costs Redis, beside another checkout [ARGS="--against ../older"]
	@$(VENV)/bin/python -m bench.frontier_cost $(value ARGS)

simulation: $(VENV)/.requirements.txt ## let 200 workers lease and commit, with fetches that only sleep [ARGS="--workers 50"]
	@$(VENV)/bin/python -m bench.fleet $(value ARGS)

politeness: $(VENV)/.requirements-test.txt ## measure what share of the rate that delays allow a crawl reaches [ARGS="--report build"]
	@$(VENV)/bin/python -m bench.politeness $(value ARGS)

dashboard-load: $(VENV)/.requirements-test.txt ## load each page of the dashboard with 10,000 jobs, a million hosts, ten million captures
	@$(VENV)/bin/python -m bench.dashboard_load $(value ARGS)

recall: $(VENV)/.requirements.txt ## compare the documents found with those of wget and the stock Scrapy stack
	@$(VENV)/bin/python -m bench.recall $(value ARGS)

.PHONY: beside-wget
beside-wget: $(VENV)/.requirements-test.txt debian ## compare what a crawl and wget keep of small odd sites [ARGS="--cases DIRECTORY"]
	@$(VENV)/bin/python -m tests.crawl.beside_wget $(value ARGS)

revision: $(VENV)/.requirements.txt ## write a migration for changes of records/schema.py: make revision NAME="add captures.language"
	@$(VENV)/bin/python -m pdfspider.records.migrations "$$NAME"

docs: $(VENV)/.requirements-test.txt ## build the documentation as a site in build/site
	@$(VENV)/bin/mkdocs build --quiet
	@echo "build/site/index.html"

lock: $(VENV)/.requirements-tools.txt ## bring the requirements files in line with pyproject.toml [UPGRADE=1: with the newest versions]
	@$(RESOLVE) pyproject.toml --extra test --output-file requirements-test.txt
	@$(RESOLVE) pyproject.toml --constraint requirements-test.txt --output-file requirements.txt
	@$(RESOLVE) --constraint requirements-test.txt --group tools --output-file requirements-tools.txt
	@$(RESOLVE) pyproject.toml --extra gateway --extra parquet --constraint requirements-test.txt \
		--output-file deploy/requirements.txt

.PHONY: lowest
lowest: $(VENV)/.requirements-tools.txt ## test with the lowest versions that pyproject.toml allows [PYTHON=python3.12] [ARGS="tests/records"]
	@mkdir -p build
	@$(VENV)/bin/uv pip compile --quiet --resolution lowest-direct --python $(PYTHON) --extra test --output-file build/lowest.txt pyproject.toml
	@$(VENV)/bin/uv venv --quiet --clear --python $(PYTHON) build/lowest
	@$(VENV)/bin/uv pip install --quiet --python build/lowest/bin/python --requirement build/lowest.txt
	@build/lowest/bin/pytest -p no:cacheprovider --numprocesses $(PROCESSES) --dist loadfile $(or $(ARGS),$(UNIT_TESTS))

audit-dependencies: $(VENV)/.requirements-tools.txt ## check the locked versions for known vulnerabilities
	@found=$$($(VENV)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		--requirement requirements-test.txt 2>$(VENV)/audit.log); code=$$?; \
	if test $$code != 0 -a -z "$$found"; then \
		echo >&2 "Nothing was checked, for the database of vulnerabilities does not answer: see $(VENV)/audit.log"; exit 2; \
	fi; \
	echo "$${found:-No known vulnerabilities}"; exit $$code

clean: ## remove all generated files except crawled data
	@rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Versions stay as they are where they are allowed. --universal: for Linux and macOS, Python 3.11 and later.
RESOLVE = $(VENV)/bin/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# What was last installed is marked in .venv, so that it is installed again only when its file changes.
$(VENV)/.%: % | $(VENV)/bin/pip
	@echo "Installing $< …"
	@$(PIP) install --require-hashes --requirement $<
	@touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(if $(APT),$(call apt,python3-venv),true)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo >&2 'pdfspider needs Python 3.11 or later. Name one: make … PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# Debian packages are installed where that is possible without asking.
APT := $(shell test "$$(id -u)" = 0 && command -v apt-get)
apt = { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install --reinstall \
	--no-install-recommends -o Dpkg::Options::='--path-include=/usr/share/doc/*' $(1) >/dev/null; }

# Packages that tests need, each with a file that shows whether it is there.
DEBIAN := redis-server:/usr/bin/redis-server \
	postgresql:/usr/lib/postgresql \
	rabbitmq-server:/usr/lib/rabbitmq/bin/rabbitmq-server \
	debian-policy:/usr/share/doc/debian-policy/README.html \
	faketime:/usr/bin/faketime \
	chromium:/usr/bin/chromium \
	curl:/usr/bin/curl \
	nginx-light:/usr/sbin/nginx \
	prometheus:/usr/bin/promtool \
	maint-guide:/usr/share/doc/maint-guide/html/index.en.html \
	debian-reference-en:/usr/share/debian-reference/index.en.html
missing = $(if $(wildcard $(lastword $(1))),,$(firstword $(1)))
MISSING := $(strip $(foreach pair,$(DEBIAN),$(call missing,$(subst :, ,$(pair)))))

debian:
ifneq ($(MISSING),)
ifneq ($(APT),)
	@echo "Installing $(MISSING) …"
	@$(call apt,$(MISSING))
else
	@echo "Not installed, so what needs them is not tested: $(MISSING)"
endif
endif
