# Set-up commands: `make demo` and `make test`. Each builds what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint venv synth docs format bench-planner bench-distill bench-serving bench-dataset ablation clean

demo: synth  ## The main job, end to end, in the embedded cloud on this machine.
	@$(BIN)/python examples/demo.py

test: synth  ## Every test.
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: synth  ## Style, types, layers, documents in step with the code, template checks.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m stratos.docs --check
	@$(BIN)/python -m infra.docs --check
	@$(BIN)/cfn-lint

venv:
	@$(PYTHON) infra/bootstrap.py

synth: venv  ## Lambda package, training source and template; cdk-nag runs here.
	@$(BIN)/python -m infra.assets
	@$(BIN)/python -m infra.app

docs: synth  ## Write the generated documents anew.
	@$(BIN)/python -m stratos.docs
	@$(BIN)/python -m infra.docs

format: venv
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench-planner bench-distill bench-serving bench-dataset: bench-%: venv
	@$(BIN)/python benchmarks/$*.py

ablation: venv  ## Mahjong, several seeds: injection against answers only, beside the baselines.
	@$(BIN)/python benchmarks/ablation.py

clean:
	rm -rf build cdk.out .stratos
