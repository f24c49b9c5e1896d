"""The first process of a training job: what it finds, and how it is asked to end."""

import os

import pytest
from sagemaker_cloud import BUCKET, Cloud, job_request
from training_programs import program

from tests.patience import eventually


def test_channels_and_configuration_lie_where_the_container_contract_says(completed):
    request, _, report = completed
    assert report["files"] == [
        "config/hyperparameters.json",
        "config/inputdataconfig.json",
        "config/resourceconfig.json",
        "data/code/full.gz",
        "data/config/run.json",
        "data/train/part/a.jsonl",
    ]
    assert report["train"] == '{"a": 1}\n'
    assert report["hyperparameters"] == request["HyperParameters"]
    resources = report["resourceconfig"]
    assert (resources["hosts"], resources["current_host"]) == (["algo-1"], "algo-1")
    assert resources["network_interface_name"] == "lo"
    assert report["inputdataconfig"]["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }


def test_paths_of_the_container_are_moved_to_the_job(completed):
    _, _, report = completed
    environment = report["environment"]
    root = environment["SAGEMAKER_BASE_DIR"]
    assert environment["STRATOS_STATE"] == f"{root}/checkpoints/state"
    assert environment["PLAIN"] == "/opt/mlx"
    assert report["cwd"] == f"{root}/code"


def test_a_container_is_told_its_job_and_how_many_cpus_it_has(completed):
    _, job, report = completed
    environment = report["environment"]
    assert environment["TRAINING_JOB_NAME"] == "full-job-0"
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["OMP_NUM_THREADS"] == environment["SM_NUM_CPUS"] == "1"


def test_a_job_sees_only_its_own_code(completed):
    _, _, report = completed
    checkout = os.getcwd()  # noqa: PTH109
    assert checkout not in report["path"]
    assert "PYTEST_CURRENT_TEST" not in report["environment"]


def test_a_request_without_an_entry_point_fails_as_the_users_error(cloud):
    source = cloud.put_tar("code/former-0.tar.gz", {"train.py": "pass"})
    request = job_request(
        "former-0",
        source,
        HyperParameters={
            "sagemaker_program": "training/probe.py",
            "sagemaker_submit_directory": source,
        },
    )
    del request["AlgorithmSpecification"]["ContainerEntrypoint"]
    del request["AlgorithmSpecification"]["ContainerArguments"]
    cloud.sagemaker.create_training_job(**request)
    reason = cloud.finished("former-0")["FailureReason"]
    assert reason.startswith("ClientError: the job names no ContainerEntrypoint")
    assert reason.endswith("start it anew.")


TELLS = program(
    """
    import os, pathlib, signal, sys, time
    base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
    def tell(*_):
        (base / "model" / "signalled").touch()
        sys.exit(0)
    signal.signal(signal.SIGTERM, tell)
    print("ready", flush=True)
    time.sleep(600)
    """
)
UNPACK = "cd /opt/ml/code && python3 -m tarfile -e /opt/ml/input/data/code/* . && "


@pytest.mark.parametrize(
    ("name", "command", "reached"),
    [
        ("becomes-0", f"{UNPACK} exec python3 train.py", True),
        ("waits-0", f"{UNPACK} python3 train.py; true", False),
    ],
)
def test_a_program_gets_the_signal_if_its_shell_became_it(cloud, name, command, reached):
    source = cloud.put_tar(f"code/{name}.gz", {"train.py": TELLS})
    request = job_request(name, source)
    request["AlgorithmSpecification"]["ContainerArguments"] = [command]
    cloud.sagemaker.create_training_job(**request)
    eventually(lambda: printed(cloud, name), lambda text: text == "ready\n")
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    job = cloud.finished(name)
    assert job["TrainingJobStatus"] == "Stopped"
    model = cloud.get_tar(f"s3://{BUCKET}/output/{name}/output/model.tar.gz")
    assert ("signalled" in model) == reached


def printed(cloud: Cloud, name: str) -> str:
    path = cloud.settings.state_dir / "jobs" / name / "output.log"
    return path.read_text() if path.exists() else ""
