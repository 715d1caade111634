# make demo and make test are the two to know; every target says what it does and can be run again.
PYTHON ?= python3
TORCH ?= torch==2.13.0 triton==3.9.0
VENV ?= .venv
NEWEST_PYTHON ?= python3.14
FUZZ ?= --minutes 15
SALN_FUZZ_SECONDS ?= 600
# Wheels are made in this folder, with the module _C for each of these Pythons.
WHEELS ?= build/wheels
WHEEL_PYTHONS ?= python3.10 python3.11 python3.12 python3.13
# The GPU machine that `make gpu-kit` builds for, and what `make gpu` there hands on.
GPU_PYTHON ?= python3.12
GPU_ARCH ?= 90a
GPU_OPTIONS ?=
# CUDA kernels take minutes to compile: here only where there is a GPU; `make cuda` compiles them anywhere.
SALN_CUDA ?= $(if $(shell command -v nvidia-smi),auto,0)
PARALLEL := -n auto --dist worksteal
BIN := $(VENV)/bin
# What `make check` runs, and .pre-commit-config.yaml: each a target.
CHECKS := lint formatted formatted-native types layers headers
SOURCES := $(shell find csrc tests -name "*.h" -o -name "*.cpp" -o -name "*.cu" -o -name "*.cuh")

.PHONY: help install demo test fuzz test-integrations docs check $(CHECKS) hooks compat format bench cuda
.PHONY: wheel wheel-arm wheel-cuda wheel-check hub gpu-kit gpu clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(VENV)/base: Makefile
	@echo "== $(VENV): a virtual environment with $(TORCH) and the build tools"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet $(TORCH) 'setuptools>=77' 'pybind11>=2.13' 'ninja>=1.11'
	@touch $@

$(VENV)/package: $(VENV)/base pyproject.toml setup.py $(SOURCES)
	@echo "== saln-kernels: installed in place, native code built"
	SALN_CUDA=$(SALN_CUDA) $(BIN)/pip install --quiet --no-build-isolation --editable '.[pilot]'
	@touch $@

$(VENV)/test: $(VENV)/package
	@echo "== what the tests need"
	$(BIN)/pip install --quiet --group test
	@touch $@

$(VENV)/fuzz: $(VENV)/test
	@echo "== what guides the fuzzer by coverage; without it, it runs at random"
	-$(BIN)/pip install --quiet --group fuzz
	@touch $@

$(VENV)/integrations: $(VENV)/test
	@echo "== what the tests of trainers need"
	$(BIN)/pip install --quiet --group integrations
	@# Apart: torchvision as it is published wants a torch for GPUs, and beside one for CPUs breaks what looks for it.
	$(BIN)/pip install --quiet --no-deps --upgrade --target $(VENV)/timm --group timm
	@touch $@

$(VENV)/docs: $(VENV)/test
	@echo "== what builds the site"
	$(BIN)/pip install --quiet --group docs
	@touch $@

$(VENV)/wheel: $(VENV)/base
	@echo "== what makes wheels"
	$(BIN)/pip install --quiet --group wheel
	@touch $@

$(VENV)/check: $(VENV)/package
	@echo "== formatters, linters and the type checker"
	$(BIN)/pip install --quiet --group check
	@touch $@

install: $(VENV)/package  ## make .venv, build and install the package in place

demo: $(VENV)/package  ## the pilot on built-in data, spoiled and clean: report-spoiled.html, report.html
	@echo "== digits with copies and wrong labels: here selection pays, by steps; a run of a tenth of a second is too short for the clock"
	$(BIN)/saln pilot --methods uniform,auto --seeds 10 --label-noise 0.3 --duplicates 0.6 --output report-spoiled.html
	@echo "== the same digits, clean: here it does not"
	$(BIN)/saln pilot --methods uniform,auto --seeds 10 --output report.html

test: $(VENV)/test  ## run every test but those of trainers
	@echo "== all tests, doctests included, in as many processes as there are cores; the 25 slowest last"
	$(BIN)/python -m pytest -m "not integrations" $(PARALLEL) --durations=25

fuzz: $(VENV)/fuzz  ## many examples of properties, for FUZZ="--minutes 15" or --examples N; damaged files and kernels, each for SALN_FUZZ_SECONDS
	$(BIN)/python -m bench.fuzz $(FUZZ)
	@echo "== damaged files to every reader for SALN_FUZZ_SECONDS=$(SALN_FUZZ_SECONDS) in all; what is found is in build/fuzz"
	SALN_FUZZ_SECONDS=$(SALN_FUZZ_SECONDS) PYTHONPATH=tests:python_api:. $(BIN)/python -m fuzz.read_files
	@echo "== any problem to the CPU kernels, as long, by clang's libFuzzer"
	SALN_FUZZ_SECONDS=$(SALN_FUZZ_SECONDS) PYTHONPATH=tests:python_api:. $(BIN)/python -m native.fuzz_kernels

test-integrations: $(VENV)/integrations  ## the tests of trainers and of Ray: accelerate, Lightning, Hugging Face, TensorBoard, DDP
	@echo "== trainers on the real libraries: examples, interrupted runs gone on with in new processes"
	$(BIN)/python -m pytest tests/integrations python_api/saln/integrations tests/saln_offline/test_offline_ray.py $(PARALLEL) --durations=15

docs: $(VENV)/docs  ## the site of the documentation in build/site, and its tests; needs no network
	$(BIN)/mkdocs build --strict --quiet
	$(BIN)/python -m pytest tests/site

check: $(CHECKS)  ## all of: lint formatted formatted-native types layers headers

lint: $(VENV)/check  ## ruff's rules
	$(BIN)/ruff check .

formatted: $(VENV)/check  ## Python as ruff formats it
	$(BIN)/ruff format --check .

formatted-native: $(VENV)/check  ## C++ as clang-format formats it
	$(BIN)/clang-format --dry-run --Werror $(SOURCES)

types: $(VENV)/check  ## mypy --strict
	$(BIN)/mypy

layers: $(VENV)/check  ## who imports whom, as docs/DEV.md shows it
	$(BIN)/lint-imports

headers: $(VENV)/base  ## compile what sees PyTorch's headers against those of the oldest releases supported
	@echo "== headers of older releases of PyTorch"
	$(BIN)/python -m tools.torch_headers

compat: compat-oldest compat-newest  ## install and test with the oldest Python and PyTorch promised and the newest: gigabytes

compat-oldest: PAIR = PYTHON=python3.10 TORCH=torch==2.10.0
compat-newest: PAIR = PYTHON=$(NEWEST_PYTHON) TORCH=torch
compat-%:
	@echo "== a copy of the last commit in build/$@: $(PAIR)"
	rm -rf build/$@ && mkdir -p build/$@
	git archive HEAD | tar -x -C build/$@
	$(MAKE) -C build/$@ test $(PAIR)

hooks: $(VENV)/check  ## run what make check runs before every commit
	$(BIN)/pre-commit install

format: $(VENV)/check  ## format everything
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(SOURCES)

bench: $(VENV)/test  ## tests first, then times, ratios and plots in bench/results
	@echo "== benchmarks: about six minutes on two quiet cores"
	$(BIN)/python -m bench.report

cuda: $(VENV)/test  ## compile every CUDA kernel for every architecture and check it; needs nvcc, no GPU
	@echo "== CUDA kernels for every architecture: nothing spilled, nothing in local memory, every op registered"
	SALN_CUDA=1 $(BIN)/python setup.py --quiet build_ext --inplace
	$(BIN)/python -m bench.kernel_table
	$(BIN)/python -m pytest tests/cuda_build $(PARALLEL)

# Of the last commit. A wheel is linked against stand-ins for older systems' libraries, and auditwheel, which looks for what
# is too new, tags it.
TIME_OF_COMMIT := SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct)
LINKED := LDFLAGS=-L$(abspath $(WHEELS))/older
PLAT = manylinux_2_28_$(shell uname -m)
TAG = PATH=$(abspath $(BIN)):$$PATH auditwheel repair --exclude libtorch_cpu.so --plat $(PLAT) --only-plat

wheel: $(VENV)/wheel  ## build/wheels: one wheel of the last commit for every Python and PyTorch, for Linux from glibc 2.28 on
	@echo "== a wheel of the last commit: minutes"
	rm -rf $(WHEELS) && mkdir -p $(WHEELS)/source
	git archive HEAD | tar -x -C $(WHEELS)/source
	$(BIN)/python -m tools.older_linux $(WHEELS)/older
	export $(TIME_OF_COMMIT) && cd $(WHEELS)/source && $(LINKED) SALN_CUDA=0 SALN_PYTHONS="$(WHEEL_PYTHONS)" \
		$(abspath $(BIN))/pip wheel --quiet --no-deps --wheel-dir ../untagged . && \
		$(TAG) --wheel-dir .. ../untagged/saln_kernels-*.whl

wheel-arm:  ## in build/wheels-arm the same for 64-bit ARM; needs aarch64-linux-gnu-g++, no ARM
	@# auditwheel knows other machines' policies only where it picks one
	$(MAKE) wheel CXX=aarch64-linux-gnu-g++ WHEELS=$(WHEELS)-arm PLAT=auto
	PATH=$$PATH:$(abspath $(BIN)) $(BIN)/python -m tools.check_wheel $(WHEELS)-arm/saln_kernels-*.whl

wheel-cuda: wheel  ## beside it the wheel of saln-kernels-cu13: the CUDA kernels; needs nvcc, no GPU
	@echo "== CUDA kernels for every architecture: minutes"
	cd $(WHEELS)/source && $(LINKED) SALN_CUDA=1 $(abspath $(BIN))/python setup.py --quiet build_ext --inplace
	export $(TIME_OF_COMMIT) && $(BIN)/python -m tools.cuda_wheel $(WHEELS)/source/saln_kernels/_cuda.so $(WHEELS)/untagged && \
		$(TAG) --wheel-dir $(WHEELS) $(WHEELS)/untagged/saln_kernels_cu13-*.whl

wheel-check: wheel  ## build the wheel again and compare bytes; install it with oldest and newest Python and PyTorch: gigabytes
	$(MAKE) wheel WHEELS=$(WHEELS)-again
	cmp $(WHEELS)/*.whl $(WHEELS)-again/*.whl
	@# the Pythons of the PATH first: those of the virtual environment are one
	PATH=$$PATH:$(abspath $(BIN)) $(BIN)/python -m tools.check_wheel $(WHEELS)/saln_kernels-*.whl --output $(WHEELS)/check.json

hub: $(VENV)/package  ## build/hub: a copy of the package as Hugging Face's library kernels loads it, for Linux from glibc 2.28 on
	@echo "== what registers ops, compiled into a namespace of its own"
	rm -rf build/hub
	$(BIN)/python -m tools.older_linux $(WHEELS)/older
	$(LINKED) $(BIN)/python -m tools.hub_layout build/hub

gpu-kit: $(VENV)/base  ## build/gpu-kit: what a GPU machine needs of this commit, built here for its Python and architecture
	@echo "== libraries of the last commit for sm_$(GPU_ARCH) and $(GPU_PYTHON): minutes"
	rm -rf build/gpu-kit && mkdir -p build/gpu-kit/source
	git archive HEAD | tar -x -C build/gpu-kit/source
	cd build/gpu-kit/source && SALN_CUDA=1 SALN_CUDA_ARCHS=$(GPU_ARCH) SALN_PYTHONS=$(GPU_PYTHON) \
		$(abspath $(BIN))/python setup.py --quiet build_ext --inplace
	mv build/gpu-kit/source/saln_kernels/_*.so build/gpu-kit && rm -rf build/gpu-kit/source
	git rev-parse HEAD > build/gpu-kit/commit
	du -sh build/gpu-kit

gpu:  ## tests, sanitizers and benchmarks on the GPU here, with the torch of PYTHON and the libraries of build/gpu-kit
	SALN_PREBUILT=build/gpu-kit SALN_COMMIT=$$(cat build/gpu-kit/commit 2>/dev/null) $(PYTHON) -m bench.gpu $(GPU_OPTIONS)

clean:  ## remove what was built, and the virtual environment
	rm -rf $(VENV) build saln_kernels/*.so *.egg-info report*.html report*.pilot
