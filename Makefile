# `make` lists what can be made. SWIFT=…, PREFIX=… and the like can be given behind it.

# The toolchain's own: a swift with a compiler beside it. OpenStack's client is called swift, too.
find-swift = $(firstword $(foreach directory,$(subst :, ,$(PATH)),\
	$(and $(wildcard $(directory)/swift),$(wildcard $(directory)/swiftc),$(directory)/swift)))
SWIFT ?= $(find-swift)
ifneq ($(findstring /,$(SWIFT)),)
export PATH := $(patsubst %/,%,$(dir $(SWIFT))):$(PATH)
endif

PREFIX ?= /usr/local
INBOX ?= ./inbox
DATA ?= ./qstore-data
DOCS ?= ./docs-out
LIBRARIES := $(filter-out QueuedStorageCLI,$(notdir $(wildcard Sources/QueuedStorage*)))
# One suite after the other: each may use both cores, and those that watch the kernel mustn't wait for the others.
TEST_SUITES := $(notdir $(wildcard Tests/*Tests))
# Longer than this, in seconds, means that a test hangs, on a slow machine too.
TEST_TIMEOUT ?= 900
WITHOUT_INOTIFYTOOLS := --disable-default-traits --scratch-path .build/without-inotifytools
# What runs under the compiler's sanitizers: all that needs no server. Not the tests that measure memory, which is the
# sanitizer's there.
LOCAL_SUITES ?= $(patsubst %,QueuedStorage%Tests,Core SQLite Models Transport Ingest EndToEnd)
TOO_MUCH := memory
TIMES ?= 50
BENCH_FLAGS ?=
LARGE_FLAGS ?=
CRASH_FLAGS ?=
FAULTS_FLAGS ?=
POWERLOSS_FLAGS ?=
SIM_FLAGS ?=
FIRE_FLAGS ?=
SEEDS ?= 1000
FROM ?= 1
ROUNDS ?= 100000
FUZZ_TARGETS := $(patsubst Tests/%/HostileInputTests.swift,%,$(wildcard Tests/*/HostileInputTests.swift))

.PHONY: help run build test races addresses repeat lint examples docs bench bench-remotes large evidence crash faults powerloss sim \
	fire fuzz install clean swift
.DEFAULT_GOAL := help

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 22

swift:
	@if [ -z "$(SWIFT)" ]; then \
		echo "There is no Swift toolchain in PATH. Install Swift 6.2 or newer from https://www.swift.org/install/linux," >&2; \
		echo "or say where it is: make … SWIFT=/path/to/usr/bin/swift" >&2; exit 1; fi

run: build ## Build everything that is needed, and watch ./inbox: what is dropped there comes to ./qstore-data/remote
	@mkdir -p $(INBOX) $(DATA)/local $(DATA)/remote
	@exec .build/release/qstore watch $(INBOX) --local $(DATA)/local --remote $(DATA)/remote --database $(DATA)/catalog.sqlite

build: swift ## Build qstore, as it is released
	@.ci/packages build
	$(SWIFT) build -c release --product qstore

# $(1) suites, one after the other; $(2) further flags. Only what runs has a limit: how long a build takes is the machine's business.
define run-suites
set -e; for suite in $(1); do \
	echo "Testing $$suite"; \
	timeout --kill-after=30 $(TEST_TIMEOUT) $(SWIFT) test --skip-build --disable-xctest $(2) --filter "^$$suite\."; \
done
endef

test: swift ## Run all tests, with libinotifytools and without
	@.ci/packages build test
	@.ci/python-packages test
	$(SWIFT) build --build-tests
	@$(call run-suites,$(TEST_SUITES))
	$(SWIFT) build --build-tests $(WITHOUT_INOTIFYTOOLS)
	@$(call run-suites,QueuedStorageIngestTests,$(WITHOUT_INOTIFYTOOLS))
	@echo "All tests passed, those of drop folders also without libinotifytools."

races: swift ## Run the tests that need no server under ThreadSanitizer
	$(call sanitize,thread)

addresses: swift ## Run the tests that need no server under AddressSanitizer
	$(call sanitize,address)

# One test at a time: under a sanitizer each is slow enough to run into its own limits beside others.
define sanitize
@.ci/packages build
$(SWIFT) build --build-tests --sanitize=$(1) --scratch-path .build/$(1)
@export ASAN_OPTIONS=detect_leaks=0; \
	$(call run-suites,$(LOCAL_SUITES),--sanitize=$(1) --scratch-path .build/$(1) --no-parallel --skip '$(TOO_MUCH)')
endef

repeat: swift ## Run the tests that need no server TIMES=50 times, until one fails
	@.ci/packages build
	$(SWIFT) build --build-tests
	@for time in $$(seq $(TIMES)); do \
		echo "Run $$time of $(TIMES)"; \
		$(call run-suites,$(LOCAL_SUITES),--quiet); \
	done

lint: swift ## Check the format of the sources, and that they compile without a warning
	@.ci/packages build
	$(SWIFT) format lint --strict --parallel --recursive $(wildcard Sources Tests Examples Schemas Package.swift)
	@.ci/without-warnings $(SWIFT) build --build-tests
	@echo "Nothing to complain about."

examples: swift ## Build all examples
	@.ci/packages build
	@# Each is a package of its own; with one folder for all, what they have in common is built once.
	@set -e; for example in $(patsubst %/Package.swift,%,$(wildcard Examples/*/Package.swift)); do \
		echo "Building $$example"; \
		$(SWIFT) build --package-path $$example --scratch-path .build/examples; \
	done

docs: swift ## Write the documentation to ./docs-out
	@.ci/packages build
	rm -rf $(DOCS)
	$(SWIFT) package --allow-writing-to-directory $(DOCS) generate-documentation \
		--enable-experimental-combined-documentation \
		$(addprefix --target ,$(LIBRARIES)) --output-path $(DOCS)

bench: swift ## Measure, beside the bare system calls; BENCH_FLAGS=--quick for a try
	@.ci/packages build
	$(SWIFT) build -c release --product qstore
	$(SWIFT) build -c release --product qstore-bench
	.build/release/qstore-bench --qstore .build/release/qstore $(BENCH_FLAGS)

bench-remotes: swift ## Measure remotes beside rclone, aws and sftp; BENCH_FLAGS=--quick for a try
	@.ci/packages build test bench
	@.ci/python-packages test bench
	$(SWIFT) build -c release --product qstore-bench
	Tests/Benchmarks/Remotes/measure $(BENCH_FLAGS)

large: swift ## Bring files of 64 MiB to 5 GiB to each remote and back, and look that memory stays flat
	@.ci/packages build test
	@.ci/python-packages test
	$(SWIFT) build -c release --product qstore
	$(SWIFT) build -c release --product qstore-large
	.build/release/qstore-large $(LARGE_FLAGS)

evidence: swift
	@.ci/packages build
	$(SWIFT) build -c release --product qstore
	$(SWIFT) build -c release --product qstore-faults
	$(SWIFT) build -c release --product qstore-evidence

crash: evidence ## Kill qstore before each of its calls that change something, recover, and check; CRASH_FLAGS=--small for a try
	.build/release/qstore-evidence crash $(CRASH_FLAGS)

faults: evidence ## Let each call of qstore fail once, with each error, and check; FAULTS_FLAGS='--every 20' for a try
	.build/release/qstore-evidence faults $(FAULTS_FLAGS)

powerloss: evidence ## Build what a power loss may leave, recover, and check; then without each sync
	.build/release/qstore-evidence powerloss $(POWERLOSS_FLAGS)

sim: swift ## Simulate SEEDS=10000 histories from FROM=1 on, with all that can go wrong, and check each step
	@.ci/packages build
	$(SWIFT) build -c release --product qstore-evidence
	.build/release/qstore-evidence sim --from $(FROM) --seeds $(SEEDS) $(SIM_FLAGS)

fire: evidence ## Drop 100,000 files in every way while watchers are killed and lose events; FIRE_FLAGS='--files 5000' for a try
	.build/release/qstore-evidence fire $(FIRE_FLAGS)
	.build/release/qstore-evidence fire --watchers 2 --workers 3 $(FIRE_FLAGS)

fuzz: swift ## Let everything that reads read ROUNDS=1000000 hostile inputs, from the seed FROM=1 on
	@.ci/packages build test
	$(SWIFT) build --build-tests
	@rm -rf .build/fuzz
	@for target in $(FUZZ_TARGETS); do \
		echo "Fuzzing $$target"; \
		QSTORE_FUZZ_ROUNDS=$(ROUNDS) QSTORE_FUZZ_SEED=$(FROM) \
			$(SWIFT) test --skip-build --disable-xctest --filter "^$$target\.HostileInputTests" || failed=1; \
	done; \
	for input in .build/fuzz/*; do [ ! -e "$$input" ] || echo "An input that broke something: $$input" >&2; done; \
	[ -z "$$failed" ]

install: build ## Install qstore below PREFIX (/usr/local)
	install -D -m 755 .build/release/qstore $(DESTDIR)$(PREFIX)/bin/qstore

clean: ## Remove what was built; data and inbox stay
	rm -rf .build $(DOCS)
