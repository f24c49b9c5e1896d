"""A dataset that is too large for InspectDataset is split by a job, as if by the function."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import InspectResult
from stratos.contracts.records import SPLITS
from tests.integration.pipeline.cloud import Cloud, eventually, write_task

pytestmark = pytest.mark.slow

FUNCTION = "stratos-inspect-dataset"


@contextmanager
def a_small_function(cloud: Cloud) -> Iterator[None]:
    """Any dataset is too large for the function, as otherwise one of gigabytes."""
    functions = cloud.client("lambda")
    found = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    small = found | {"LARGE_DATASET_BYTES": "10"}
    functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": small})
    yield
    functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": found})


def planned(cloud: Cloud, folder: Path) -> str:
    """Submit a spec, and stop its run once its dataset was split and a plan made."""
    run_id = cloud.submit(folder)
    eventually(
        lambda: cloud.read_json(RunKeys(run_id).plans) or getattr(cloud.row(run_id), "finished", 0),
        doing=lambda: cloud.doing(run_id),
    )
    row = cloud.row(run_id)
    assert row is not None
    assert row.status == "running", cloud.summary(run_id).reason
    cloud.stack.states.stop_execution(executionArn=row.execution_arn)
    assert cloud.finish(run_id).status == "stopped"
    return run_id


def entered(cloud: Cloud, run_id: str) -> list[str]:
    """The states that a run has been in."""
    row = cloud.row(run_id)
    assert row is not None
    history = cloud.stack.states.get_execution_history(executionArn=row.execution_arn)["events"]
    told = (event.get("stateEnteredEventDetails") for event in history)
    return [str(event["name"]) for event in told if event]


def split(cloud: Cloud, run_id: str) -> dict[str, bytes]:
    """What the bucket holds of a run's dataset."""
    s3, folder = cloud.stack.s3, RunKeys(run_id).dataset
    names = [*(f"{split}.jsonl" for split in SPLITS), "inspection.json"]
    return {
        name: s3.get_object(Bucket=cloud.stack.bucket, Key=folder + name)["Body"].read()
        for name in names
    }


def test_a_run_goes_on_from_a_job_as_it_does_from_the_function(cloud: Cloud, tmp_path: Path):
    folder = write_task(tmp_path, "large")
    by_function = planned(cloud, folder)
    with a_small_function(cloud):
        by_job = planned(cloud, folder)
    assert "InspectLarge" not in entered(cloud, by_function)
    first = ["ClaimRun", "ParseConstraints", "AwaitPlace", "InspectDataset", "PrepareInspection"]
    then = ["InspectLarge", "InspectDataset", "IsUnchanged", "PlanCandidates"]
    assert entered(cloud, by_job)[:9] == first + then
    assert split(cloud, by_job) == split(cloud, by_function)
    job = cloud.jobs(by_job)[0]
    assert job["TrainingJobName"] == f"{by_job}-inspect-0"
    assert job["TrainingJobStatus"] == "Completed"
    phases = {phase.name: phase.cost_usd for phase in cloud.summary(by_job).phases}
    assert phases["InspectDataset"] > 0


def test_what_a_job_refuses_ends_the_run_in_the_functions_words(cloud: Cloud, tmp_path: Path):
    folder = write_task(tmp_path, "refused")
    with (folder / "dataset.jsonl").open("a") as dataset:
        dataset.write("{broken\n")
    by_function = cloud.submit(folder)
    assert cloud.finish(by_function).status == "rejected"
    with a_small_function(cloud):
        by_job = cloud.submit(folder)
        assert cloud.finish(by_job).status == "rejected"
    reason = cloud.summary(by_job).reason
    assert reason.startswith("DatasetRejected: 1 of ")
    assert reason == cloud.summary(by_function).reason
    [job] = cloud.jobs(by_job)
    assert job["TrainingJobStatus"] == "Completed"
    key = RunKeys(by_job).job_result("inspect")
    assert InspectResult.model_validate(cloud.read_json(key)).refused is not None
