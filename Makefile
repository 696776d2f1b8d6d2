# Two commands on a fresh machine with Python 3.11+ and a C++ compiler: `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
NATIVE := CMakeLists.txt $(wildcard twin/native/*.h twin/native/*.cpp)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint types kernels suite notebooks clean

demo: .venv/installed
	$(BIN)/twin demo --output out/demo

test: lint types kernels suite

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

kernels: .venv/installed
	$(BIN)/cmake -S . -B build/kernels -DTWIN_PYTHON_MODULE=OFF -DTWIN_NATIVE_TESTS=ON \
	  -DCMAKE_BUILD_TYPE=Release > build/kernels.log || (cat build/kernels.log; false)
	$(BIN)/cmake --build build/kernels --parallel 2 >> build/kernels.log || (cat build/kernels.log; false)
	$(BIN)/ctest --test-dir build/kernels --output-on-failure

suite: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The build tools stand in the environment itself, so that the C++ module is built once, against
# the pinned jax, and a changed kernel rebuilds in seconds.
.venv/installed: .venv/tools pyproject.toml $(NATIVE)
	mkdir -p build
	$(PIP) --no-build-isolation --editable '.[dev,cluster]'
	touch $@

.venv/tools: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  (echo "twin needs Python 3.11 or later; name one with 'make PYTHON=python3.12 …'"; false)
	$(PYTHON) -m venv .venv
	$(PIP) torch==2.13.0
	$(PIP) scikit-build-core nanobind cmake ninja jax
	touch $@

notebooks: .venv/installed
	mkdir -p out/notebooks
	cd out/notebooks && for book in ../../notebooks/*.py; do \
	  ../../$(BIN)/jupytext --to ipynb --execute "$$book" -o "$$(basename "$$book" .py).ipynb" || exit 1; \
	done

clean:
	rm -rf .venv build out
