# Two commands set up everything: `make demo` enhances an example, `make test` runs all tests.
# Variables: PYTHON (3.11 or newer), VENV (folder of the environment), PIP (arguments for pip),
# JOBS (how many compilers and test processes run at a time; as many as there are cores).
PYTHON ?= python3
VENV ?= .venv
PIP ?=
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
MAKEFLAGS += --no-print-directory
BIN := $(VENV)/bin
SOURCES := pyproject.toml constraints.txt CMakeLists.txt $(shell find src engine -type f \
	-not -name '*.so' -not -path '*/__pycache__/*' 2>/dev/null)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP) -c constraints.txt

.PHONY: demo test lint unit ctest sanitize clean tools

demo: $(VENV)/.core
	$(BIN)/python examples/demo.py

test: lint ctest sanitize unit

lint: $(VENV)/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The C tests of the engine, plain and under the address and undefined-behaviour sanitizers.
ctest sanitize: export CMAKE_BUILD_PARALLEL_LEVEL = $(JOBS)
ctest sanitize: export CTEST_PARALLEL_LEVEL = $(JOBS)
ctest: $(VENV)/.all
	$(BIN)/cmake --preset tests
	$(BIN)/cmake --build build/tests
	$(BIN)/ctest --test-dir build/tests --output-on-failure

sanitize: $(VENV)/.all
	$(BIN)/cmake --preset sanitize
	$(BIN)/cmake --build build/sanitize
	$(BIN)/ctest --test-dir build/sanitize --output-on-failure

# A process for each core, each with one thread: more would wait for each other. A file stays in one
# of them, so that what its tests share is made once. What is marked `alone` comes afterwards, when
# the machine is quiet.
unit: $(VENV)/.all
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m pytest -q -m "not alone" -n $(JOBS) --dist loadfile
	$(BIN)/python -m pytest -q -m alone

$(VENV)/.core: $(SOURCES) | tools
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "building and installing wheesht into $(VENV) (about half a minute)"
	$(INSTALL) ".[demo]"
	touch $@

$(VENV)/.all: $(SOURCES) | tools
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing wheesht with training, evaluation and test tools into $(VENV)"
	$(INSTALL) ".[demo,train,eval,bench,triton,dev]"
	touch $@ $(VENV)/.core

tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "venv is missing: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import os, sysconfig as s; \
		raise SystemExit(not os.path.exists(os.path.join(s.get_path("include"), "Python.h")))' || \
		{ echo "Python.h is missing: sudo apt install python3-dev"; exit 1; }
	@c++ --version >/dev/null 2>&1 && cc --version >/dev/null 2>&1 || \
		{ echo "a C and C++ compiler is missing: sudo apt install build-essential"; exit 1; }

clean:
	rm -rf build demo $(VENV)
