"""Our archive in a container's own namespaces, under the request of the state machine.

The first process is what the request's command becomes: our launcher. Python stands for that of
AWS's image, and moto for S3.
"""

from __future__ import annotations

import os
import signal
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stratos.contracts.bucket import split_uri
from stratos.contracts.distillation import DistillResult
from stratos.contracts.job_start import LAUNCHER
from stratos.contracts.jobs import EvaluateResult, ProbeResult, Progress, SynthesizeResult
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure, TrainingJob
from tests.integration.containers.conftest import BROUGHT, BUCKET, MakeJob
from tests.integration.containers.machine import request_of, start
from tests.integration.containers.sandbox import (
    Container,
    children_of,
    command_line,
    number_inside,
)
from tests.patience import eventually
from tests.unit.training.jobs import BASE, STUDENT, TEACHER
from training.container.packages import interpreter_tag

STUDENTS = {"records": "records", "student": "models/student"}
LEARNING = {"student": STUDENT, "method": "full", "precision": "float32"}
PATIENCE_SECONDS = 300.0
Run = Callable[..., Container]


@pytest.fixture
def run(bucket: Any, tmp_path: Path) -> Iterator[Run]:
    """Start a job's container; it is gone when the test is over."""
    started: list[Container] = []

    def begin(job: TrainingJob, **settings: Any) -> Container:
        request = request_of(job, settings.pop("student_artifact", None))
        started.append(start(request, tmp_path, bucket, **settings))
        return started[-1]

    yield begin
    for container in started:
        container.kill()


@pytest.fixture(scope="module")
def distilled(
    bucket: Any, make_job: MakeJob, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingJob, Container, str]:
    """A student that two processes trained, and the URI of its artifact."""
    folder = tmp_path_factory.mktemp("distilled")
    job = make_job(
        "distill",
        STUDENTS,
        {"notes": '{"words": ["seven \'o\' nine", 2], "none": null}'},
        devices=2,
        training={"max_steps": 3, "batch_tokens": 300},
        **LEARNING,
    )
    container = start(request_of(job), folder, bucket)
    assert container.wait() == 0, container.output
    with tarfile.open(folder / "model.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(container.root / "model", arcname=".")
    bucket.upload_file(str(folder / "model.tar.gz"), BUCKET, "distilled/model.tar.gz")
    return job, container, f"s3://{BUCKET}/distilled/model.tar.gz"


def read(s3: Any, uri: str, model: Any) -> Any:
    bucket, key = split_uri(uri)
    return model.model_validate_json(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def verdict_on(container: Container, code: int) -> Any:
    """What becomes of the job, when SageMaker says of it what it says of such an end."""
    reason = f"AlgorithmError: {container.failure or ''}, exit code: {code}"
    described = {"TrainingJobStatus": "Failed", "FailureReason": reason}
    return classify(JobFailure(Error="States.TaskFailed"), described)


def test_a_probe_measures_its_model(run: Run, make_job: MakeJob, bucket: Any) -> None:
    asked = {"role": "student", "model": TEACHER, "max_new_tokens": 4, "synthesis": {}}
    job = make_job("probe", {"dataset": "dataset", "model": "models/teacher"}, **asked)
    container = run(job)
    assert container.wait() == 0, container.output
    assert read(bucket, job.result_uri, ProbeResult).accuracy.n == 6
    assert (container.root / "packages" / interpreter_tag() / BROUGHT).exists()


def test_synthesis_leaves_verified_records(run: Run, make_job: MakeJob, bucket: Any) -> None:
    job = make_job(
        "synthesize",
        {"dataset": "dataset", "teacher": "models/teacher"},
        judging=BASE["judging"] | {"has_checker": True},
        teacher=TEACHER,
        strategy="alignment",
        synthesis={"max_new_tokens": 200, "samples": 3, "max_records": 10}
        | {"min_yield": 0.0, "min_records": 1},
        records_uri=f"s3://{BUCKET}/synthesized/",
        seed=3,
    )
    container = run(job)
    assert container.wait() == 0, container.output
    result = read(bucket, job.result_uri, SynthesizeResult)
    lines = (container.root / "output" / "data" / "records.jsonl").read_text().splitlines()
    assert len(lines) == result.kept > 0
    assert "checker.py runs by itself: no files, network, threads or other" in container.output


def test_two_processes_train_one_student(
    distilled: tuple[TrainingJob, Container, str], bucket: Any
) -> None:
    job, container, _ = distilled
    result = read(bucket, job.result_uri, DistillResult)
    assert (result.num_devices, result.steps, result.stopped_by) == (2, 3, "finished")
    assert (container.root / "model" / "manifest.json").exists()


def test_an_evaluation_reads_its_hyperparameters(
    run: Run, make_job: MakeJob, bucket: Any, distilled: tuple[TrainingJob, Container, str]
) -> None:
    _, _, artifact = distilled
    job = make_job(
        "evaluate",
        {"dataset": "dataset", "teacher": "models/teacher", "student": "models/student"},
        # As SageMaker's SDK writes a string.
        {"live_artifact": f'"{artifact}"'},
        teacher=TEACHER,
        student=STUDENT,
        max_new_tokens=4,
        teacher_max_records=3,
    )
    container = run(job, student_artifact=artifact)
    assert container.wait() == 0, container.output
    result = read(bucket, job.result_uri, EvaluateResult)
    assert result.student.n == 6
    assert result.live == result.student


def test_a_failure_that_stratos_names_is_the_reason(run: Run, make_job: MakeJob) -> None:
    job = make_job("distill", STUDENTS | {"records": "no-records"}, training={}, **LEARNING)
    container = run(job)
    code = container.wait()
    assert code == 1, container.output
    assert container.failure == (
        "TooFewVerifiedRecords: records.jsonl is empty; nothing to train on"
    )
    assert verdict_on(container, code).outcome == "user_error"


def test_a_crash_is_told_by_its_cause(run: Run, make_job: MakeJob) -> None:
    job = make_job("distill", STUDENTS | {"student": "no-model"}, training={}, **LEARNING)
    container = run(job)
    code = container.wait()
    assert code == 2, container.output
    assert container.failure is not None
    assert container.failure.startswith("ValueError: 'student' has no config.json, only ['notes")
    assert verdict_on(container, code).outcome == "crash"


def test_a_worker_that_is_killed_is_named(run: Run, make_job: MakeJob, bucket: Any) -> None:
    container, job = learning(run, make_job, devices=2)
    workers = workers_of(container, 2)
    eventually(lambda: has_begun(bucket, job), seconds=PATIENCE_SECONDS)
    os.kill(workers[1], signal.SIGKILL)
    code = container.wait()
    assert code == 128 + signal.SIGKILL, container.output
    assert container.failure is not None
    assert "process 2 of 2" in container.failure
    verdict = verdict_on(container, code)
    assert (verdict.outcome, "SIGKILL" in verdict.reason) == ("crash", True)


def test_a_stop_reaches_the_trainer_which_leaves_a_checkpoint(
    run: Run, make_job: MakeJob, bucket: Any
) -> None:
    container, job = learning(run, make_job)
    workers_of(container, 1)
    eventually(lambda: has_begun(bucket, job), seconds=PATIENCE_SECONDS)
    first = container.first_process
    assert number_inside(first) == 1
    assert command_line(first)[1:] == ["-m", LAUNCHER]
    os.kill(first, signal.SIGTERM)
    assert container.wait() == 0, container.output
    assert read(bucket, job.result_uri, DistillResult).stopped_by == "sigterm"
    saved = [path for path in (container.root / "checkpoints").rglob("*") if path.is_file()]
    assert saved


def learning(run: Run, make_job: MakeJob, devices: int = 1) -> tuple[Container, TrainingJob]:
    """A job that learns for as long as it may."""
    training = {"max_steps": 1_000_000, "batch_tokens": 300}
    job = make_job("distill", STUDENTS, devices=devices, training=training, **LEARNING)
    return run(job), job


def workers_of(container: Container, number: int) -> list[int]:
    """The processes that the first process of a container started to train."""

    def found() -> list[int]:
        assert container.is_running, container.output
        return [
            pid
            for first in children_of(container.outer)
            for pid in children_of(first)
            if "training.distill" in command_line(pid)
        ]

    workers: list[int] = eventually(
        found, lambda pids: len(pids) == number, seconds=PATIENCE_SECONDS
    )
    return workers


def has_begun(s3: Any, job: TrainingJob) -> bool:
    """Whether a step was done, by the job's own progress."""
    uri = job.result_uri.replace("result.json", "progress.json")
    try:
        progress = read(s3, uri, Progress)
    except s3.exceptions.NoSuchKey:
        return False
    return progress.unit == "steps" and progress.done >= 1
