# Everything happens in .venv, which the first target that needs it makes from constraints.txt.
PYTHON ?= python3
TORCH ?=
LAB_ARGS ?=
CORNER ?= all
SAMPLE ?= 20
JOBS ?= 2
export TORCH

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := autodiff_lab masking_lab kernel course

# Two workers on two cores: one thread each, or they fight.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
NBVAL := --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 120

# JupyterLab refuses to run as root unless told.
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
# The browser that opens and the address that is printed both lead to the index.
LAB_AT := --ServerApp.root_dir=course --LabApp.default_url=/lab/tree/index.ipynb

.DEFAULT_GOAL := help
.PHONY: help lab notebooks test check bench corpus mutants corners binder-check format clean clean-corners

help:
	@echo "make lab            open the course in JupyterLab   LAB_ARGS='--no-browser --port 8899'"
	@echo "make test           everything: unit, outside numbers, notebooks, real browser"
	@echo "make check          format, lint, types, doctests, one test in SAMPLE=20 (minutes)"
	@echo "make bench          all speed figures, as ratios    BENCH_ARGS='chain --rounds 50'"
	@echo "make corpus         thousands of random programs, batched and looped   CORPUS_ARGS=..."
	@echo "make mutants        knocks out masking_lab's protections one by one (slow)   MUTANTS_ARGS=..."
	@echo "make corners        the fast tests on other versions (slow)   CORNER=colab"
	@echo "make binder-check   build what Binder builds and run the tour in it (slow)"
	@echo "make notebooks      run the lessons anew and save them   NOTEBOOKS=course/00_tour.ipynb"
	@echo "make format         format and fix what ruff can fix"
	@echo "make clean          remove .venv and what the targets made; clean-corners: .corners too"
	@echo
	@echo "PYTHON=python3.12   which Python makes .venv (3.11 or newer)"
	@echo "TORCH=cpu | cuda | 'words for pip install'   which torch a new .venv gets; see .ci/install_torch.py"

$(READY): pyproject.toml constraints.txt .ci/setup .ci/install_torch.py \
          $(wildcard kernel/spec/* kernel/jupyter_server_config/*)
	@.ci/setup "$(PYTHON)" "$(VENV)"
	@touch $@

notebooks: $(READY)
	$(BIN)/python -m tests.course.rerun $(NOTEBOOKS)

lab: $(READY)
	$(BIN)/jupyter-lab $(LAB_AT) $(ROOT_FLAG) $(LAB_ARGS)

test: $(READY)
	$(PYTEST) $(NBVAL) tests course

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(PYTEST) -m "not slow and not browser" --sample $(SAMPLE) --doctest-modules tests $(PACKAGES)

bench: $(READY)
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

corpus: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.masking_lab.corpus $(CORPUS_ARGS)

mutants: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.masking_lab.mutants $(MUTANTS_ARGS)

corners:
	@.ci/check_python "$(PYTHON)"
	@$(PYTHON) .ci/corners --python "$(PYTHON)" $(CORNER)

binder-check:
	@.ci/check_python "$(PYTHON)"
	@$(PYTHON) .ci/binder_check.py --python "$(PYTHON)"

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) .bench .binder-check build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

clean-corners: clean
	rm -rf .corners
