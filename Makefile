# What there is to do with this repository: `make help` lists it.
#
# Needed: Go 1.26 with a C compiler (the race detector links with it), Node 20 or later with npm. Everything else is
# pinned in go.mod, tools/*.mod and package-lock.json, and fetched by the targets that use it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The checks share caches and cores; in order, the first failure is the last thing printed.
.NOTPARALLEL:

GO ?= go
# Which packages `make test-go` tests, with what flags, and how long one package may take.
PKG ?= ./...
TEST_FLAGS ?=
TEST_TIMEOUT ?= 20m
# What `make test-browser` runs of the browser tests, instead of all.
BROWSER_ARGS ?=
# What `make run` adds to its command, as in `make run RUN_ARGS="--listen :9000"`.
RUN_ARGS ?=

BUF := node_modules/.bin/buf
# In a module of its own: it brings some two hundred dependencies that nothing else should be held to.
GOLANGCI := $(GO) tool -modfile=tools/golangci/go.mod golangci-lint
GOLANGCI_IN_TOOLS := cd tools && $(GO) tool -modfile=golangci/go.mod golangci-lint

NODE_MODULES := node_modules/.package-lock.json
VALIDATE_PROTO := .buf/validate/buf/validate/validate.proto
BASELINE := api/baseline.binpb
# What the store keeps has a schema of its own, which is no part of the contract.
RECORD := server/internal/store/record
GENERATE_RECORD := $(BUF) generate $(RECORD)/proto --template $(RECORD)/proto/buf.gen.yaml
# The web client, which kuplad has in it. Folders are among its sources, so that a file that goes is noticed, too.
BIOME := node_modules/.bin/biome
WEB := server/internal/web/dist/chat/index.html
WEB_SOURCES := $(shell find gen/es clients/web/sdk/src $(wildcard clients/web/bubble/*) -name node_modules -prune -o -name '*.test.ts*' -prune -o -print)

##@ Use

.PHONY: run
run: web ## Serve everything on http://localhost:8080, with demonstration people; the data is kept in ./data
	$(GO) build -o bin/kuplad ./server/cmd/kuplad
	@exec bin/kuplad demo --data ./data $(RUN_ARGS)

.PHONY: build
build: web ## Build the server, bin/kuplad, and the command line client, bin/kupla
	$(GO) build -trimpath -o bin/kuplad ./server/cmd/kuplad
	$(GO) build -trimpath -o bin/kupla ./clients/go/cmd/kupla

.PHONY: web
web: $(WEB) ## Build the web client that kuplad has in it, when its sources changed

.PHONY: man
man: build ## Write the client's manual pages into bin/man/man1; "man -M bin/man kupla" shows them
	bin/kupla man --dir bin/man/man1

##@ Change

.PHONY: generate
generate: $(NODE_MODULES) $(VALIDATE_PROTO) ## Generate gen/go and gen/es/src from the contract in api/, and the store's records
	$(BUF) generate
	$(GENERATE_RECORD)

.PHONY: fmt
fmt: $(NODE_MODULES) $(VALIDATE_PROTO) ## Format the Go code, the contract and the web client
	$(GOLANGCI) fmt
	$(GOLANGCI_IN_TOOLS) fmt --config ../.golangci.yml
	$(BUF) format --write api
	$(BUF) format --write $(RECORD)/proto
	$(BIOME) format --write

.PHONY: api-accept
api-accept: $(NODE_MODULES) $(VALIDATE_PROTO) ## Make the contract as it is now the one that must not be broken; needs an ADR
	$(BUF) build api --exclude-source-info --output $(BASELINE)

.PHONY: wait-estimate
wait-estimate: ## Measure the wait estimate on simulated months, and write docs/wait_estimate.md and its chart
	$(GO) run ./server/cmd/waitestimate

.PHONY: screenshots-desk
screenshots-desk: web ## Make docs/screenshots/desk*.svg anew: pictures of kupla desk in a terminal, against a server
	$(GO) test ./server/e2e -count 1 -run '^TestScreenshots$$' -args -screenshots $(CURDIR)/docs/screenshots

.PHONY: screenshots
screenshots: browser-build ## Make docs/screenshots/*.png anew: every screen of the chat, from the program as it is
	npm run screenshots --workspace clients/web/e2e

##@ Check

.PHONY: test
test: check-generate lint-api lint typecheck tidy check-estimate check-web-size test-web test-browser test-go ## Run every check there is, and every test

.PHONY: test-go
test-go: bin/testsum web postgres haproxy ## Run the Go tests alone, with the race detector; PKG=./server/... and TEST_FLAGS="-run Name" narrow it
	@{ status=0; \
	$(GO) test -race -timeout $(TEST_TIMEOUT) -json $(TEST_FLAGS) $(PKG) || status=$$?; \
	if [[ '$(PKG)' == ./... ]]; then $(GO) -C tools test -race -json $(TEST_FLAGS) ./... || status=$$?; fi; \
	exit $$status; } | bin/testsum

# PostgreSQL's programs, which are installed when there are none: the tests start servers of their own with them.
.PHONY: postgres
postgres:
	server/internal/store/postgres/pgtest/installPostgres.sh

# The proxy that deploy/haproxy.cfg is for, which is installed when there is none: a test runs that file with it.
.PHONY: haproxy
haproxy:
	server/e2e/scripts/installHAProxy.sh

.PHONY: test-web
test-web: web ## Run the tests of the web SDK and of the bubble's own logic
	npm test --workspace clients/web/sdk
	npm test --workspace clients/web/bubble

.PHONY: test-browser
test-browser: browser-build ## Run the tests of the web client in Chromium, which is installed when there is none; BROWSER_ARGS="chat.spec" narrows it
	npm test --workspace clients/web/e2e -- $(BROWSER_ARGS)

.PHONY: browser-build
browser-build: build
	clients/web/e2e/scripts/installChromium.sh
	$(GO) build -trimpath -o bin/ ./clients/web/e2e/professional
	$(GO) build -trimpath -tags torture -o bin/kuplad-clock ./server/cmd/kuplad

.PHONY: check-web-size
check-web-size: web ## Check that the web client is as small as it is said to be
	npm run --silent sizes --workspace clients/web/bubble

# For how long `make torture` goes on, how many messages it wants at least, the seed of a run to repeat, and whether it is
# one server with a SQLite file or, with DATABASE=postgres, two that share a PostgreSQL.
DURATION ?= 8m
MESSAGES ?= 100000
SEED ?= 0
DATABASE ?= sqlite

.PHONY: torture
torture: postgres ## Break everything around a server while people talk and check every history whole, as root; see docs/torture.md
	$(GO) run ./server/e2e/cmd/torture -database $(DATABASE) -duration $(DURATION) -messages $(MESSAGES) -seed $(SEED) \
		-report bench/torture$(if $(filter postgres,$(DATABASE)),_postgres).json

# For how long each scenario of `make torture-cluster` goes on, and how many messages it wants at least.
CLUSTER_DURATION ?= 40s
CLUSTER_MESSAGES ?= 4000

.PHONY: torture-cluster
torture-cluster: postgres ## Break everything around two servers on one PostgreSQL, one kind of fault after the other; see docs/torture.md
	$(GO) run ./server/e2e/cmd/torture -database postgres -scenarios -duration $(CLUSTER_DURATION) -messages $(CLUSTER_MESSAGES) \
		-customers 30 -professionals 6 -fault-every 2s -steady 1m -seed $(SEED) -report bench/torture_cluster.json

.PHONY: check-generate
check-generate: $(NODE_MODULES) $(VALIDATE_PROTO) ## Check that the generated code is what the contract gives
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(BUF) generate --output "$$fresh"; \
	$(GENERATE_RECORD) --output "$$fresh"; \
	status=0; \
	for folder in gen/go gen/es/src $(RECORD)/recordv1; do diff --recursive --unified --new-file $$folder "$$fresh/$$folder" || status=1; done; \
	if (( status )); then echo 'The generated code is not what the contract gives: run `make generate` and commit what it changes.' >&2; fi; \
	exit $$status

.PHONY: check-estimate
check-estimate: ## Check that docs/wait_estimate.md has the figures that the wait estimate gives now
	$(GO) run ./server/cmd/waitestimate -check

.PHONY: lint-api
lint-api: $(NODE_MODULES) $(VALIDATE_PROTO) ## Check the contract: its style, its format, and that it breaks no client
	$(BUF) lint
	$(BUF) lint $(RECORD)/proto
	@$(BUF) format --diff --exit-code api && $(BUF) format --diff --exit-code $(RECORD)/proto || { echo 'The contract is not formatted: run `make fmt`.' >&2; exit 1; }
	@[[ -s $(BASELINE) ]] || { echo '$(BASELINE) is missing: restore it. Only for a contract that never had one, run `make api-accept`.' >&2; exit 1; }
	@$(BUF) breaking api --against $(BASELINE) || { echo 'These changes break clients of the contract. Make them otherwise; or, when breaking is decided, run `make api-accept` and say why in a new docs/adr/NNNN-title.md.' >&2; exit 1; }

.PHONY: lint
lint: lint-web ## Check the Go code: the rules of .golangci.yml, the import directions among them; and the web client
	$(GOLANGCI) run
	$(GOLANGCI_IN_TOOLS) run --config ../.golangci.yml

.PHONY: lint-web
lint-web: $(NODE_MODULES) ## Check the web client: the rules and the format of biome.json
	$(BIOME) ci --colors=off --error-on-warnings

.PHONY: typecheck
typecheck: $(NODE_MODULES) ## Check the types of the generated TypeScript, the web client and its tests
	npm run --silent typecheck --workspaces

# The modules that both generate code or rules and run them. Different versions would pass every other check.
PINNED_TWICE := connectrpc.com/connect/v2 google.golang.org/protobuf buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go

.PHONY: tidy
tidy: ## Check that go.mod and go.sum are tidy, and that server and tools agree on versions
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	@for module in $(PINNED_TWICE); do \
	server=$$($(GO) list -m -f '{{.Version}}' $$module); tools=$$($(GO) -C tools list -m -f '{{.Version}}' $$module); \
	if [[ $$server != "$$tools" ]]; then echo "$$module is $$server in go.mod and $$tools in tools/go.mod: make them one." >&2; exit 1; fi; \
	done

##@ Measure

# The packages that have Go benchmarks, and those of them that only `make bench` has time for.
BENCH_PKG := $(addprefix ./server/internal/,access board hub identity queue store/...)
BENCH_SLOW := AmongMany|Batching
# What to run of the load generator instead of everything, as in `make bench BENCH_ARGS="--rows light,bursts --profile
# /tmp/profiles"`. It then leaves bench/latest.json alone, which is to have every row.
BENCH_ARGS ?=
# How many closed conversations, of ten events each, are in the database of PostgreSQL in which much is stored.
BENCH_CLOSED ?= 1000000
BENCH := bin/kupla-load bench --kuplad bin/kuplad --revision "$$(git describe --always --dirty 2>/dev/null)" \
	--postgres {dsn}
# What the batches of PostgreSQL gain, in so many rounds.
BENCH_BATCHING := $(GO) test ./server/internal/store/postgres -run '^$$' -bench Batching -benchtime 1x

.PHONY: bench
bench: bench-build ## Run all Go benchmarks, then load kuplad and a bare relay in turn and write bench/latest.json and docs/performance.md; takes three quarters of an hour
ifeq ($(BENCH_ARGS),)
	$(GO) test -run '^$$' -bench . -skip Batching -benchtime 200ms -timeout 40m $(BENCH_PKG)
	$(BENCH_BATCHING) -count 5 | tee bin/batching.txt
	bin/pgcluster -closed $(BENCH_CLOSED) $(BENCH) --stored stored --go-bench bin/batching.txt --out bench/latest.json --document docs/performance.md
else
	bin/pgcluster $(if $(findstring stored,$(BENCH_ARGS)),-closed $(BENCH_CLOSED) $(BENCH) --stored stored,$(BENCH)) $(BENCH_ARGS)
endif

.PHONY: bench-short
bench-short: bench-build ## Run every benchmark and every load once and small, to see that they work
	$(GO) test -run '^$$' -bench . -skip '$(BENCH_SLOW)' -benchtime 1x $(BENCH_PKG)
	$(BENCH_BATCHING) -count 1 | tee bin/batching.txt
	bin/pgcluster -closed 1000 $(BENCH) --stored stored --short --rounds 1 --go-bench bin/batching.txt $(BENCH_ARGS)

.PHONY: bench-build
bench-build: web postgres
	$(GO) build -trimpath -o bin/ ./server/cmd/kuplad ./clients/go/cmd/kupla-load ./server/e2e/cmd/pgcluster

##@ Other

.PHONY: clean
clean: ## Remove what make has built and installed; the data of make run stays
	rm -rf bin .buf node_modules clients/web/*/node_modules server/internal/web/dist/*

.PHONY: help
help: ## List what make can do
	@awk 'BEGIN { FS = ":.*## " } \
	/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	/^[a-z][a-z-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# npm ci installs exactly what the lock file says, and fails when package.json says otherwise.
$(NODE_MODULES): package.json package-lock.json gen/es/package.json $(wildcard clients/web/*/package.json)
	npm ci --include=dev
	@touch $@

$(WEB): $(NODE_MODULES) $(WEB_SOURCES)
	npm run --silent build --workspace clients/web/bubble
	@touch $@

# Written aside first, so that a build that is broken off leaves no half of it.
$(VALIDATE_PROTO): tools/go.mod $(wildcard tools/validateproto/*.go)
	@mkdir -p $(@D)
	$(GO) -C tools run ./validateproto > $@.new
	@mv $@.new $@

bin/testsum: tools/go.mod $(wildcard tools/testsum/*.go)
	$(GO) -C tools build -o ../bin/testsum ./testsum
