"""What a training job's program finds, as in SageMaker's containers."""

import json
import os


def test_channels_and_configuration_lie_where_the_container_contract_says(completed):
    request, _, report = completed
    assert report["files"] == [
        "config/hyperparameters.json",
        "config/inputdataconfig.json",
        "config/resourceconfig.json",
        "data/config/run.json",
        "data/train/part/a.jsonl",
    ]
    assert report["train"] == '{"a": 1}\n'
    assert report["hyperparameters"] == request["HyperParameters"]
    assert report["resourceconfig"]["hosts"] == ["algo-1"]
    assert report["inputdataconfig"]["train"]["TrainingInputMode"] == "File"


def test_hyperparameters_reach_the_program_as_arguments_and_variables(completed):
    _, _, report = completed
    environment = report["environment"]
    model = environment["SM_MODEL_DIR"]
    expected = ["--learning-rate", "0.5", "--teacher", "big", "--where", model]
    assert report["argv"] == expected
    assert json.loads(environment["SM_USER_ARGS"]) == expected
    assert environment["SM_HP_LEARNING-RATE"] == "0.5"
    assert environment["SM_HP_TEACHER"] == "big"
    hyperparameters = {"learning-rate": 0.5, "teacher": "big", "where": model}
    assert json.loads(environment["SM_HPS"]) == hyperparameters
    assert json.loads(environment["SM_TRAINING_ENV"])["hyperparameters"] == hyperparameters


def test_paths_of_the_container_in_the_environment_are_moved_to_the_job(completed):
    _, _, report = completed
    environment = report["environment"]
    root = environment["SM_MODEL_DIR"].removesuffix("/model")
    assert environment["STRATOS_STATE"] == f"{root}/checkpoints/state"
    assert environment["PLAIN"] == "/opt/mlx"
    assert environment["SM_CHANNEL_TRAIN"] == f"{root}/input/data/train"
    assert json.loads(environment["SM_CHANNELS"]) == ["config", "train"]
    assert environment["OMP_NUM_THREADS"] == environment["SM_NUM_CPUS"] == "1"
    assert environment["TRAINING_JOB_NAME"] == "full-job-0"


def test_a_job_sees_only_its_own_code(completed):
    _, _, report = completed
    code = report["environment"]["PYTHONPATH"]
    assert report["cwd"] == code
    assert report["stratos"] == f"{code}/stratos/__init__.py"
    checkout = os.getcwd()  # noqa: PTH109
    assert checkout not in report["path"]
    assert "PYTEST_CURRENT_TEST" not in report["environment"]
