"""Killed, stuck or stopped: a run ends well or in words, and nothing billable is left."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.host.capacity import Capacity
from stratos.contracts.bucket import RunKeys
from stratos.contracts.distillation import DistillResult
from stratos.contracts.match import MatchEvidence
from tests.integration.pipeline.cloud import (
    Cloud,
    eventually,
    twice_as_fast_on_two_threads,
    write_task,
)

pytestmark = pytest.mark.slow

LONG = {"optimizer": "muon", "method": "full", "max_steps": 4000, "batch_tokens": 1024}
NOTHING = {"jobs": [], "endpoints": []}


class Killer:
    """Kills every process of a cloud that runs a program, as soon as it appears."""

    def __init__(self, cloud: Cloud, program: str) -> None:
        self._cloud, self._program = cloud, program
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.killed: set[int] = set()

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.2):
            for process in self._cloud.processes(self._program):
                self.killed.add(process.pid)
                kill(process)


def kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@pytest.fixture
def capacity(cloud: Cloud) -> Iterator[Capacity]:
    found = Capacity(cloud.settings)
    yield found
    found.restore(["ml.local.cpu1", "ml.local.cpu2"])


def test_training_killed_once_resumes_on_what_is_free_and_is_served_there(
    cloud: Cloud, capacity: Capacity, tmp_path: Path
):
    twice_as_fast_on_two_threads(cloud)
    training = LONG | {"max_steps": 150}
    run_id = cloud.submit(write_task(tmp_path, "once", training=training))
    eventually(lambda: cloud.keys(RunKeys(run_id).checkpoints("distill-a0")))
    evidence = MatchEvidence.model_validate(cloud.read_json(RunKeys(run_id).match))
    trained_on, hosted_on = (
        evidence.plan.training.instance_type,
        evidence.plan.serving.instance_type,
    )
    capacity.exhaust([trained_on], ["training"])
    capacity.exhaust([hosted_on], ["hosting"])
    (process,) = cloud.processes("training.distill")
    kill(process)
    row = cloud.finish(run_id)
    summary = cloud.summary(run_id)
    assert row.status == "succeeded", summary.reason
    first, second = (j for j in cloud.jobs(run_id) if "-distill-" in j["TrainingJobName"])
    assert first["ResourceConfig"]["SelectedInstanceType"] == trained_on
    moved_to = second["ResourceConfig"]["SelectedInstanceType"]
    assert moved_to != trained_on
    assert summary.training is not None
    assert summary.training.server is not None
    assert summary.training.server.instance_type == moved_to
    assert any(f"{trained_on}, which was planned, could not be had" in n for n in summary.notes)
    [measured] = summary.measurements
    assert measured.without_capacity == (hosted_on,)
    assert summary.endpoint is not None
    assert summary.endpoint.server.instance_type == measured.plan.serving.instance_type != hosted_on
    assert row.usd_per_hour == pytest.approx(measured.plan.serving.usd_per_hour, rel=0.01)
    assert first["TrainingJobStatus"] == "Failed"
    assert second["TrainingJobStatus"] == "Completed"
    result = DistillResult.model_validate(cloud.read_json(RunKeys(run_id).job_result("distill-a0")))
    assert result.resumed_from_step is not None
    assert result.resumed_from_step > 0
    assert result.steps == 150
    cloud.stack.sagemaker.delete_endpoint(EndpointName="stratos-once")


def test_training_killed_always_fails_in_words_and_is_announced(cloud: Cloud, tmp_path: Path):
    subjects = cloud.notifications()
    run_id = cloud.submit(write_task(tmp_path, "always", training=LONG))
    with Killer(cloud, "training.distill") as killer:
        row = cloud.finish(run_id)
    assert row.status == "failed"
    assert len(killer.killed) == len(
        [j for j in cloud.jobs(run_id) if "-distill-" in j["TrainingJobName"]]
    )
    assert len(killer.killed) > 1
    reason = cloud.summary(run_id).reason
    assert "kill" in reason.lower()
    assert eventually(lambda: any("always failed" in s for s in subjects()))
    assert cloud.billable() == NOTHING


def test_an_endpoint_that_never_gets_healthy_is_taken_back(cloud: Cloud, tmp_path: Path):
    run_id = cloud.submit(write_task(tmp_path, "sick"))
    with Killer(cloud, "-m serving ") as killer:  # and not the engine of a job
        row = cloud.finish(run_id)
    assert killer.killed
    assert row.status == "failed"
    assert "ended before it was healthy" in cloud.summary(run_id).reason
    assert cloud.billable() == NOTHING
    models = cloud.stack.sagemaker.list_models()["Models"]
    assert [model for model in models if run_id in model["ModelName"]] == []


def test_a_run_stopped_in_mid_training_leaves_nothing_billable(cloud: Cloud, tmp_path: Path):
    run_id = cloud.submit(write_task(tmp_path, "halted", training=LONG))
    eventually(lambda: cloud.processes("training.distill"))
    row = cloud.row(run_id)
    assert row is not None
    cloud.stack.states.stop_execution(executionArn=row.execution_arn)
    assert cloud.finish(run_id).status == "stopped"
    eventually(lambda: cloud.billable() == NOTHING)
    eventually(lambda: not cloud.processes("training.distill"))
    assert "stop" in cloud.summary(run_id).reason.lower()


def test_a_run_stopped_in_mid_deployment_leaves_nothing_billable(cloud: Cloud, tmp_path: Path):
    run_id = cloud.submit(write_task(tmp_path, "undone"))
    eventually(lambda: cloud.billable()["endpoints"])
    row = cloud.row(run_id)
    assert row is not None
    cloud.stack.states.stop_execution(executionArn=row.execution_arn)
    assert cloud.finish(run_id).status == "stopped"
    eventually(lambda: cloud.billable() == NOTHING)
    eventually(lambda: not cloud.processes("-m serving"))


def test_a_lambda_that_times_out_ends_the_run_in_words(cloud: Cloud, tmp_path: Path):
    """The last test of this cloud: it replaces a function's code."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr(
            "lambdas/handlers/plan_candidates.py",
            "import time\n\ndef handler(event, context):\n    time.sleep(60)\n",
        )
    functions = cloud.client("lambda")
    name = "stratos-plan-candidates"
    functions.update_function_configuration(FunctionName=name, Timeout=1)
    functions.update_function_code(FunctionName=name, ZipFile=code.getvalue())
    run_id = cloud.submit(write_task(tmp_path, "slow"))
    row = cloud.finish(run_id)
    assert row.status == "failed"
    assert "timed out" in cloud.summary(run_id).reason.lower()
    assert cloud.jobs(run_id) == []
    assert cloud.billable() == NOTHING
