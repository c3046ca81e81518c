# Ranvier. `make help` lists the targets.
#
#   B=FOLDER   build folder of make, run, test, golden, bench and install (default: build)
#   V=1        show everything
#   CC=clang   another compiler
#   MESON=...  more options for meson, such as MESON=-Dhdf5=disabled

B ?= build
V ?= 0
PREFIX ?= $(CURDIR)/$(B)/dist
CLANG ?= clang
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
TSAN_TESTS ?= thread|driver|determin|context|behind|split

ifeq ($(origin CC),default)
unexport CC
else
export CC
endif
export V

MAKEFLAGS += --no-print-directory
build := scripts/build.sh
run_tests = $(PYTHON) scripts/run_tests.py $(if $(TESTS),--match '$(TESTS)') $(if $(SUITE),--suite $(SUITE)) \
	$(if $(filter 1,$(V)),--verbose)
c_files = $(shell find include src tests bench examples -name '*.[ch]' 2>/dev/null | sort)

.PHONY: all setup run test kill-test golden bench profile install install-local debug asan tsan valgrind aarch64 clean format \
	format-check tidy doc help

all: setup                  ## build everything into build/, the program is build/ranvier
	@$(build) $(B) $(MESON)

setup:                      ## check for tools and libraries, install what is missing
	@scripts/setup.sh

run: all                    ## train on the optical digits, into runs/digits
	@mkdir -p runs
	@$(B)/ranvier train examples/digits.yaml

test: all                   ## run the tests; TESTS=REGEX picks some by name, SUITE=c|py|sh by kind
	@$(run_tests) $(B)

kill-test: all              ## kill a training run 50 times and resume it: the same bytes must come out; KILLS=N
	@$(PYTHON) scripts/kill_test.py --kills $(or $(KILLS),50) $(B)/ranvier

golden: setup               ## check recorded figures: make golden CASES=DIR
	@test -n "$(CASES)" || { echo "golden: which folder? make golden CASES=DIR" >&2; exit 2; }
	@$(build) $(B) $(MESON) >&2
	@test -x $(B)/tests/golden || { echo "golden: $(B)/tests/golden is not built" >&2; exit 2; }
	@$(B)/tests/golden "$(CASES)"

bench: all                  ## measure, into build/bench.json; ONLY=NAME picks one
	@test -x $(B)/bench/ranvier-bench || { echo "bench: $(B)/bench/ranvier-bench is not built" >&2; exit 2; }
	@$(B)/bench/ranvier-bench --json $(B)/bench.json $(if $(ONLY),--only $(ONLY))

profile: all                ## where the time goes, by function, with perf or callgrind; ONLY=NAME, else shd256
	@scripts/profile.sh $(B) $(or $(ONLY),shd256)

install-local: install      ## install into build/dist

install: all                ## install into PREFIX (default: build/dist)
	@echo "install into $(PREFIX)"
	@{ meson configure $(B) -Dprefix=$(abspath $(PREFIX)) -Dlibdir=lib && meson install -C $(B); } \
	>$(B)/step.log 2>&1 || { cat $(B)/step.log >&2; exit 1; }

debug: setup                ## build without optimisation into build-debug/
	@$(build) build-debug -Dbuildtype=debug $(MESON)

asan: setup                 ## run the tests under ASan and UBSan, in build-asan/
	@$(build) build-asan -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false $(MESON)
	@ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(run_tests) --slow 5 build-asan

tsan: setup                 ## run the tests of threads under TSan, with clang, in build-tsan/
	@scripts/setup.sh clang
	@CC=$(CLANG) $(build) build-tsan -Dbuildtype=debug -Doptimization=1 -Db_sanitize=thread -Db_lundef=false $(MESON)
	@TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1 \
	$(PYTHON) scripts/run_tests.py --match '$(or $(TESTS),$(TSAN_TESTS))' --suite c --slow 10 build-tsan

valgrind: SUITE = c
valgrind: all               ## run the C tests under valgrind, which knows no AVX-512
	@RV_ISA=v3 $(run_tests) --slow 20 --wrapper \
	'valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' $(B)

aarch64: all                ## train small networks on aarch64 under qemu-user: the same bits must come out
	@scripts/setup.sh aarch64
	@scripts/aarch64.sh build-aarch64 $(B)/tests/bits

clean:                      ## remove what was built
	@rm -rf build build-*

format:                     ## format the C files
	@clang-format -i $(c_files)

format-check:               ## say which C files are not formatted
	@clang-format --dry-run -Werror $(c_files)

tidy: all                   ## look through the C files with clang-tidy
	@printf '%s\n' $(filter src/%.c,$(c_files)) | \
	xargs -P "$$(nproc)" -n 4 clang-tidy --quiet --warnings-as-errors='*' -p $(B) 2>$(B)/step.log || \
	{ grep -v 'warnings\? generated' $(B)/step.log >&2; exit 1; }

doc:                        ## reference from the headers, in build/doc/
	@command -v doxygen >/dev/null || { echo "doc: doxygen is not installed" >&2; exit 1; }
	@mkdir -p $(B)/doc
	@(cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $(B)/doc") | doxygen -
	@echo "$(B)/doc/html/index.html"

help:                       ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18
