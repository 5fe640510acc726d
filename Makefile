PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo test test-cluster lint docs fuzz xrootd-server

demo: .venv/.demo  ## tag the shipped sample on a local dask cluster; needs no torch and no network
	$(BIN)/coffea-fm demo

test: .venv/.test .venv-dask-awkward/.test xrootd-server  ## everything but the long physics runs, in two processes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile
	.venv-dask-awkward/bin/python -m pytest tests/dask_mode

test-cluster: .venv/.cluster  ## a Slurm and a dask-gateway of our own, set up below .venv-cluster, and runs on them
	COFFEA_FM_CLUSTER_TESTS=$(CURDIR)/.venv-cluster $(BIN)/python -m pytest tests/cluster tests/running/clusters

fuzz: .venv/.test  ## everything that is read from others, with files changed at random; half an hour
	$(ONE_THREAD) $(BIN)/python benchmarks/fuzz/fuzz.py --inputs 12000 --processes 2 --table benchmarks/fuzz/results.md

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/.docs  ## the site in site/, with the parts that are made from the code
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict

benchmark-tokens: .venv/.demo  ## packing against pad_none + concatenate
	$(BIN)/python benchmarks/tokens/packing.py

benchmark-inference: .venv/.test  ## ParT on one thread: coffea's torch wrapper, onnxruntime by hand, ours
	$(ONE_THREAD) $(BIN)/python benchmarks/inference/benchmark.py

benchmark-memory: .venv/.test  ## memory of a large chunk, and of many chunks
	$(ONE_THREAD) $(BIN)/python benchmarks/memory/memory.py

benchmark-training: .venv/.test  ## ParT beside weaver-core, and the small encoder
	$(BIN)/python benchmarks/training/throughput.py

benchmark-simulation: .venv/.test  ## jets and events per second of one core; weights of events
	$(ONE_THREAD) $(BIN)/python benchmarks/simulation/speed.py
	$(ONE_THREAD) $(BIN)/python benchmarks/simulation/hh4b_speed.py
	$(ONE_THREAD) $(BIN)/python benchmarks/simulation/hh4b_weights.py

benchmark-processor: .venv/.test  ## events per second of tag_jets with and without the tagger
	$(ONE_THREAD) $(BIN)/python benchmarks/processor/events_per_second.py exports/jet-classifier-small samples/*.root

benchmark-variations: .venv/.test  ## ten systematic variations in units of the nominal jets
	$(ONE_THREAD) $(BIN)/python benchmarks/variations/benchmark.py

benchmark-cascade: .venv/.test  ## small networks before a large one; JETS, LARGE and FIRST are simulated jets and bundles
	$(ONE_THREAD) $(BIN)/python benchmarks/cascade/benchmark.py $(JETS) $(LARGE) $(FIRST)

benchmark-scaling: .venv/.test  ## chunks, tasks, threads and workers on dask; memory predicted and measured; 2,000 chunks
	$(ONE_THREAD) $(BIN)/python -W ignore benchmarks/cluster/scaling.py
	$(ONE_THREAD) $(BIN)/python -W ignore benchmarks/cluster/memory.py
	$(ONE_THREAD) $(BIN)/python -W ignore benchmarks/cluster/soak.py

benchmark-real-files: .venv/.test  ## the kinematic tagger on every real file with constituents
	$(BIN)/python benchmarks/real_files/tag_everything.py

benchmark-pretraining: .venv/.test  ## what each pretraining buys: hours; goes on where it was
	$(ONE_THREAD) $(BIN)/python benchmarks/pretraining/run.py

benchmark-readouts: .venv/.test  ## a line on each block and register of encoders and of a random one; ARGS="--checkpoints FOLDER ... --data FOLDER --jets N"
	$(ONE_THREAD) $(BIN)/python benchmarks/pretraining/readouts.py $(ARGS)

benchmark-resimulation: .venv/.test  ## does pretraining on re-simulated pairs make scores depend less on the simulation? 20 minutes
	$(ONE_THREAD) $(BIN)/python benchmarks/pretraining/resimulation.py --table benchmarks/pretraining/resimulation.md

benchmark-laws: .venv/.test  ## scaling laws: loss and probe against parameters, data and compute: three core-hours; goes on where it was
	$(ONE_THREAD) $(BIN)/python benchmarks/pretraining/scaling.py

benchmark-systematics: .venv/.test  ## does pretraining on data help where the simulation is wrong? 90 core-minutes; goes on where it was
	$(ONE_THREAD) $(BIN)/python benchmarks/pretraining/systematics.py

benchmark-generation: .venv/.test  ## generated jets beside real ones: an hour or two; goes on where it was
	$(ONE_THREAD) $(BIN)/python benchmarks/pretraining/generation.py

benchmark-hh4b: .venv/.test  ## HH -> 4b with and without pretrained jets: four hours; goes on where it was
	$(ONE_THREAD) $(BIN)/python benchmarks/hh4b/run.py

benchmark-hh4b-analysis: .venv/.test  ## the analysis to the limit, with several event discriminants; goes on where it was
	$(ONE_THREAD) $(BIN)/python benchmarks/hh4b/run_analysis.py

benchmark-faults: .venv/.test  ## dying workers, full disks, killed commands: what is lost, what counts twice; as root
	$(ONE_THREAD) $(BIN)/python benchmarks/faults/run.py

benchmark-progress: .venv/.test  ## the remaining time that a run shows, against what was left; ten minutes
	$(ONE_THREAD) $(BIN)/python -W ignore benchmarks/progress/remaining_time.py

benchmark-triton: .venv/.test .venv-triton/.server  ## a bundle on a real Triton server; brings its binary, 420 MB
	$(BIN)/python -W ignore benchmarks/triton/run.py .venv-triton

benchmark-delivery: .venv/.test  ## a bundle of 100 MB on 8 dask workers: bytes moved, time to the first chunk
	$(ONE_THREAD) $(BIN)/python benchmarks/cluster/bundle_delivery.py

xrootd-server:  # Debian's; PyPI has the client only
	@command -v xrootd >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update --quiet=2 && apt-get install --yes --quiet=2 --no-install-recommends xrootd-server; } \
	  || echo "There is no XRootD server: its tests are skipped. Install xrootd-server, or run make test as root."

.venv/.pip:
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt --upgrade pip
	touch $@

.venv/.demo: .venv/.pip pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable '.[cpu]'
	touch $@

.venv/.test: .venv/.demo
	$(PIP) install --constraint constraints.txt --editable '.[cpu,gateway,hub,jobqueue,limit,s3,simulate,train,triton,xrootd]' --group test
	touch $@

.venv/.cluster: .venv/.test
	$(PIP) install --constraint constraints.txt --group cluster
	touch $@

.venv/.dev: .venv/.test
	$(PIP) install --constraint constraints.txt --group dev
	touch $@

.venv/.docs: .venv/.demo
	$(PIP) install --constraint constraints.txt --group docs
	touch $@

.venv-dask-awkward/.test: pyproject.toml constraints-dask-awkward.txt
	$(PYTHON) -m venv .venv-dask-awkward
	.venv-dask-awkward/bin/python -m pip --quiet install --constraint constraints-dask-awkward.txt --upgrade pip
	.venv-dask-awkward/bin/python -m pip --quiet install --constraint constraints-dask-awkward.txt --editable '.[cpu]' 'coffea[dask-awkward]' --group dask-awkward
	touch $@

.venv-triton/.server:
	$(PYTHON) -m venv .venv-triton
	.venv-triton/bin/python -m pip --quiet install 'numpy<2' onnxruntime
	.venv-triton/bin/python -m pip --quiet install --no-deps nvidia-pytriton==0.7.0
	touch $@
