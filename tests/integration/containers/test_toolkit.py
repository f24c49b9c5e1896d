"""AWS's own training toolkit as the first process, and our command where it is installed.

What it does is why jobs start by a command of ours; what it writes of a failure is classified.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stratos.contracts.jobs import ProbeResult
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from tests.integration.containers.conftest import BUCKET, MakeJob, put_archive
from tests.integration.containers.machine import request_of, start
from tests.integration.containers.sandbox import Container
from tests.integration.containers.toolkit import toolkit_python
from tests.patience import eventually
from tests.unit.training.jobs import TEACHER

PATIENCE_SECONDS = 300.0
WAITS = """
import pathlib, signal, time
base, came = pathlib.Path("/opt/ml/output"), []
signal.signal(signal.SIGTERM, lambda *_: came.append(True))
(base / "ready").touch()
while not (base / "go").exists():
    time.sleep(0.05)
(base / "told").write_text(str(bool(came)))
"""
Train = Callable[[str], Container]


@pytest.fixture(scope="module")
def python() -> Path:
    return toolkit_python()


@pytest.fixture
def train(bucket: Any, python: Path, tmp_path: Path) -> Iterator[Train]:
    """Run a program as the images' own entry point does, by a request of the former kind."""
    started: list[Container] = []

    def begin(program: str) -> Container:
        put_archive(bucket, {"train.py": program.encode()}, "former/source.tar.gz")
        request = {
            "TrainingJobName": "former",
            "RoleArn": "arn:aws:iam::123456789012:role/jobs",
            "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/former/source.tar.gz",
                "sagemaker_region": "us-east-1",
            },
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/former/output"},
            "ResourceConfig": {"InstanceType": "ml.c7i.xlarge"},
        }
        started.append(
            start(
                request,
                tmp_path,
                bucket,
                python=python,
                command=(str(python.parent / "train"),),
                SAGEMAKER_TRAINING_MODULE="sagemaker_pytorch_container.training:main",
            )
        )
        return started[-1]

    yield begin
    for container in started:
        container.kill()


def test_the_toolkit_keeps_the_signal_from_its_program(train: Train) -> None:
    container = train(WAITS)
    output = container.root / "output"

    def is_ready() -> bool:
        assert container.is_running, container.output
        return (output / "ready").exists()

    eventually(is_ready, seconds=PATIENCE_SECONDS)
    os.kill(container.first_process, signal.SIGTERM)
    (output / "go").touch()
    assert container.wait() == 0, container.output
    assert (output / "told").read_text() == "False"


@pytest.mark.parametrize(
    ("program", "outcome", "words"),
    [
        ("import os; os.kill(os.getpid(), 9)", "crash", "killed (SIGKILL)"),
        ("raise KeyError('no such teacher')", "crash", "KeyError: 'no such teacher'"),
        (
            "class BudgetExhausted(Exception): pass\nraise BudgetExhausted('3 of 2 USD')",
            "crash",
            # Of what a program prints, the toolkit keeps errors that are Python's own.
            "ExecuteUserScriptError: exit code 1",
        ),
        (
            "import pathlib, sys\n"
            "text = 'TooFewVerifiedRecords: 3 of 100'\n"
            "pathlib.Path('/opt/ml/output/failure').write_text(text)\n"
            "sys.exit(4)",
            "user_error",
            "TooFewVerifiedRecords: 3 of 100",
        ),
    ],
)
def test_the_toolkit_ends_with_1_and_its_words_are_understood(
    train: Train, program: str, outcome: str, words: str
) -> None:
    container = train(program)
    code = container.wait()
    assert code == 1, container.output
    reason = f"AlgorithmError: {container.failure}, exit code: {code}"
    described = {"TrainingJobStatus": "Failed", "FailureReason": reason}
    verdict = classify(JobFailure(Error="States.TaskFailed"), described)
    assert verdict.outcome == outcome, container.failure
    assert words in verdict.reason


def test_a_request_without_an_entry_point_is_told_as_a_former_one(
    bucket: Any, python: Path, make_job: MakeJob, tmp_path: Path
) -> None:
    """As a run of a former state machine asks, once the functions are those of today."""
    request = request_of(probe(make_job))
    del request["AlgorithmSpecification"]["ContainerEntrypoint"]
    del request["AlgorithmSpecification"]["ContainerArguments"]
    train = str(python.parent / "train")
    container = start(request, tmp_path, bucket, python=python, command=(train,))
    assert container.wait() == 1, container.output
    reason = f"AlgorithmError: {container.failure}, exit code: 1"
    described = {"TrainingJobStatus": "Failed", "FailureReason": reason}
    verdict = classify(JobFailure(Error="States.TaskFailed"), described)
    assert (verdict.outcome, verdict.reason[:18]) == ("user_error", "start the run anew"), reason


def test_our_command_works_where_the_toolkit_is_installed(
    bucket: Any, python: Path, make_job: MakeJob, tmp_path: Path
) -> None:
    job = probe(make_job)
    container = start(request_of(job), tmp_path, bucket, python=python)
    assert container.wait() == 0, container.output
    key = job.result_uri.removeprefix(f"s3://{BUCKET}/")
    body = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert ProbeResult.model_validate_json(body).accuracy.n == 6


def probe(make_job: MakeJob) -> Any:
    asked = {"role": "student", "model": TEACHER, "max_new_tokens": 4, "synthesis": {}}
    return make_job("probe", {"dataset": "dataset", "model": "models/teacher"}, **asked)
