# Set-up commands: `make demo` and `make test`. Each builds what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo demo-word-problems demo-smollm2 test test-pythons test-regions test-tutorial matrix matrix-table kills fuzz wheel iam test-vllm lint venv \
	synth docs site lock sbom licences audit images \
	check-images format bench-planner bench-distill bench-distill_real bench-serving bench-dataset bench-house \
	bench-dataset_large bench-latency bench-local_generation bench-cloud_memory bench-iam bench-default_prompts \
	bench-tool_calls_smollm2 bench-planner_real bench-checker bench-region_copies bench-many_runs bench-overload ablation \
	ablation-smollm2 clean

demo: synth  ## The main job, end to end, in the embedded cloud on this machine.
	@$(BIN)/python examples/demo.py

demo-word-problems: synth  ## The second example: a teacher that is good at its task.
	@$(BIN)/python examples/demo.py word-problems

demo-smollm2: synth  ## The third example: real pretrained weights, from a package on PyPI.
	@$(BIN)/python examples/demo.py smollm2-inbox

# One process more than two cores have work for: a run through the embedded cloud waits for a quarter
# of its time, for an endpoint to start, for requests to be due, for its turn.
test: synth  ## Every test.
	@rm -rf build/iam
	@STRATOS_IAM_RECORDS=$(CURDIR)/build/iam $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# 3.11 to 3.14, those that the machine has: as `python3.12`, or what pyenv has installed.
PYTHONS = $(foreach minor,11 12 13 14,$(or $(lastword $(wildcard $(HOME)/.pyenv/versions/3.$(minor).*/bin/python)),$(shell command -v python3.$(minor))))

test-pythons: synth  ## The installed package on every Python that it is for and this machine has.
	@STRATOS_PYTHONS="$(strip $(PYTHONS))" $(BIN)/python -m pytest -q tests/infra/test_distribution.py

test-regions: synth  ## Whole runs through regions that fail, beyond those of `make test`: some 40 minutes.
	@$(BIN)/python -m pytest -m regions tests/integration/pipeline

matrix: synth  ## Every fault at every state, with real processes; what was not run yet: `make matrix SHARD=1/4`.
	@$(BIN)/python -m tests.matrix whole --shard $(or $(SHARD),1/1)
	@$(BIN)/python -m tests.matrix table

matrix-table: synth  ## docs/matrix.md anew.
	@$(BIN)/python -m tests.matrix table

test-tutorial: synth  ## The tutorial as it stands, and three users who go on from there: five minutes.
	@$(BIN)/python -m pytest -m tutorial tests/people

kills: synth  ## An embedded cloud killed at 20 moments of runs: what it had acknowledged is there. Half an hour.
	@$(BIN)/python -m benchmarks.kills --write

fuzz: venv  ## 10,000 seeded mutations of valid inputs against each reader: half an hour.
	@$(BIN)/python -m tests.fuzz --write

iam: synth  ## Which calls of the latest `make test` needed which statement of the template.
	@$(BIN)/python -m infra.local.iam.coverage build/iam

# Its lock has torch's CPU build, which PyTorch's index of CPU builds has and PyPI has not: CONTRIBUTING.md.
test-vllm: venv  ## Tables of requests, families and the teacher against real vLLM, on this machine's CPU.
	@test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	@.venv-vllm/bin/python -m pip install --quiet --no-deps --only-binary=:all: --require-hashes \
		--requirement tests/integration/engines/requirements-vllm.lock
	@STRATOS_VLLM_PYTHON=.venv-vllm/bin/python $(BIN)/python -m pytest -m vllm tests/integration/engines

lint: synth  ## Style, types, layers, documents in step with the code, template checks.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m stratos.docs --check
	@$(BIN)/python -m infra.docs --check
	@$(BIN)/python -m infra.images --check
	@$(BIN)/python -m infra.licences --check
	@$(SITE)
	@$(BIN)/cfn-lint

venv:
	@$(PYTHON) infra/packaging/bootstrap.py

synth: venv  ## Lambda package, training source and template; cdk-nag runs here.
	@$(BIN)/python -m infra.packaging.assets
	@$(BIN)/python -m infra.app

wheel: synth  ## What people install: build/dist, with the template and archives that it deploys.
	@$(BIN)/python -m infra.distribution

docs: synth  ## Write the generated documents anew.
	@$(BIN)/python -m stratos.docs
	@$(BIN)/python -m infra.docs

# A page that no list names, and a link or heading that is not there, are errors.
# Everything is read again each time: what was read before is not warned of.
SITE = $(BIN)/python -m sphinx --quiet --fail-on-warning --fresh-env --builder html --conf-dir docs/site \
	--doctree-dir build/site/doctrees . build/site/html

site: venv  ## The documentation, to look at: build/site/html/index.html.
	@$(SITE)
	@echo build/site/html/index.html

images: venv  ## The catalog's table of container images, from AWS's SDK.
	@$(BIN)/python -m infra.images

check-images: venv  ## Whether AWS still supports those images, and the table is of the last 12 months.
	@$(BIN)/python -m infra.images --check --current

lock:  ## Every lock anew, after a change of a pin: hashes, and what jobs and installations bring.
	@test -x $(BIN)/python || $(MAKE) --no-print-directory venv
	@$(BIN)/python -m infra.packaging.lock pins
	@$(MAKE) --no-print-directory venv
	@$(BIN)/python -m infra.packaging.lock units

sbom: venv  ## What is shipped and of what it is made, as CycloneDX JSON beside the wheel: build/dist.
	@$(BIN)/python -m infra.packaging.sbom

licences: venv  ## docs/licences.md anew; fails for a licence that is not permitted.
	@$(BIN)/python -m infra.licences

audit: venv  ## Whether an advisory is known of any pinned package. Asks the package index.
	@$(BIN)/python -m infra.packaging.audit

format: venv
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench-planner bench-distill bench-distill_real bench-serving bench-dataset bench-house bench-local_generation: bench-%: venv
	@$(BIN)/python benchmarks/$*.py

bench-checker: venv  ## A checker in its own process, and within the job as formerly: half a minute.
	@$(BIN)/python -m benchmarks.checker --write

bench-planner_real: venv  ## Forecasts beside a real model's memory, speed and latency: 15 minutes.
	@$(BIN)/python -m benchmarks.planner_real

bench-dataset_large: venv  ## A dataset of 20 GB, split as a job does: 40 minutes of CPU, 35 GB of disk.
	@$(BIN)/python -m benchmarks.dataset_large

bench-many_runs: synth  ## 50 specs at once into an embedded cloud: 15 minutes on two idle cores.
	@$(BIN)/python -m benchmarks.many_runs --write

bench-overload: venv  ## Servers under four times their planned load: 8 minutes each.
	@$(BIN)/python -m benchmarks.overload --write

bench-region_copies: venv  ## 500 MB to three regions of an embedded cloud, and again.
	@$(BIN)/python -m benchmarks.region_copies

bench-cloud_memory: synth
	@$(BIN)/python benchmarks/cloud_memory.py

bench-iam: synth  ## What judging every call costs: start-up, and one run of the demo, on and off.
	@$(BIN)/python -m benchmarks.iam --write

bench-default_prompts: venv  ## What SmolLM2 makes of the default prompts, before and now.
	@$(BIN)/python -m benchmarks.default_prompts --write

bench-tool_calls_smollm2: venv  ## SmolLM2 on functions that it was not taught: 20 minutes.
	@test -d build/bfcl/bfcl_eval || $(BIN)/python -m pip install --quiet --no-deps --only-binary=:all: \
		--require-hashes --target build/bfcl --requirement benchmarks/requirements-bfcl.txt
	@$(BIN)/python -m benchmarks.tool_calls_smollm2 --bfcl build/bfcl --write

bench-latency: synth  ## Student and teacher of the latest `make demo-word-problems`.
	@$(BIN)/python benchmarks/latency.py word-problems

ablation: venv  ## Mahjong, five seeds: injection, answers only, alignment and blend.
	@$(BIN)/python benchmarks/ablation.py --seeds 5

ablation-smollm2: venv  ## The inbox, SmolLM2, three seeds: injection and answers only.
	@$(BIN)/python benchmarks/ablation_smollm2.py --seeds 3 --arms injection answers_only

clean:
	rm -rf build cdk.out .stratos
