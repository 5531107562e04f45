# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Where the Fis-V features and labels lie, and the folds of the table.
DATA ?= ../shared/data/fisv
FOLDS ?= $(DATA)/folds.csv

.PHONY: setup demo test test-faults test-gpu fuzz lint table faithfulness train-shipped bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(wildcard extractors/resampling/*.c)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "aqa-pipeline needs Python 3.11 to 3.13, this is %d.%d: make PYTHON=python3.11 ..." % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/aqa-pipeline demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

# kill -9 of each part of an extraction, at five moments each, two thousand videos in one run, and odd
# places to run with Ray: half an hour.
test-faults: setup
	AQA_FAULT_MOMENTS=5 AQA_FAULT_VIDEOS=2000 AQA_ENVIRONMENTS_RAY=1 $(BIN)/python -m pytest \
		--timeout 600 tests/pipeline/extraction/test_machine.py \
		tests/pipeline/real_ray/test_environments.py tests/pipeline/real_ray/test_faults.py

# Damaged videos, features, labels, lists, configs and checkpoints by the thousand: two minutes. Goes
# on where it was; what it finds stays in fuzz-run.
fuzz: setup
	$(BIN)/python tests/fuzz/run.py --videos 10000 --documents 10000 --output fuzz-run

# What needs a GPU that torch can use: minutes.
test-gpu: setup
	$(BIN)/python -m pytest -m gpu

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The honest table on Fis-V (docs/fisv-table.md): hours on two cores, resumable.
table: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/fisv_table.py $(DATA) $(FOLDS)

# Whether explanations are true, on Fis-V and on drawn routines (docs/explanations.md): an hour.
faithfulness: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/faithfulness_folds.py $(DATA) $(FOLDS)
	$(BIN)/python tests/benchmarks/drawn_truth.py

# The models that come with the package, from the data: some minutes.
train-shipped: setup
	$(BIN)/python -m pipeline.training.ship $(DATA) $(FOLDS)

# Every benchmark of speed and memory, into docs/benchmarks.md and .json: an hour on two cores.
bench: setup
	$(BIN)/python tests/benchmarks/sitting.py $(DATA)

clean:
	rm -rf $(VENV) demo-run fuzz-run .pytest_cache .ruff_cache extractors/resampling/*.so
