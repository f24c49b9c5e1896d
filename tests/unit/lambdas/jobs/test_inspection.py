"""The job that splits what InspectDataset cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFile, SpecFolder
from lambdas.handlers import diagnose_job, prepare_inspection
from lambdas.jobs.factory import types_asked
from lambdas.jobs.retries import MAX_CRASHES
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import InspectConfig, InspectResult
from stratos.errors import DatasetRejected, NoFeasiblePlan
from stratos.pipeline.steps import TrainingJob
from stratos.planning.deadlines import MONEY_SHARES
from stratos.units import GIB
from tests import factories
from tests.unit.lambdas.conftest import BUCKET, Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

PLAIN = 20 * 10**9
"""As if the dataset had so many bytes."""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Listings say that every plain file of a dataset is large."""
    from lambdas.gathering import input_files

    listed = input_files._dataset_files

    def enlarged(*arguments: Any) -> Any:
        return [
            type(file)(file.path, file.etag, PLAIN if file.path.endswith("jsonl") else file.size)
            for file in listed(*arguments)
        ]

    monkeypatch.setattr(input_files, "_dataset_files", enlarged)
    return monkeypatch


def prepared(account: Account, **sections: Any) -> tuple[TrainingJob, InspectConfig]:
    pipeline = start(account, **({"constraints": {"max_training_hours": 6}} | sections))
    pipeline.parse()
    return job_of(pipeline)


def job_of(pipeline: Pipeline) -> tuple[TrainingJob, InspectConfig]:
    job = TrainingJob.model_validate(call(prepare_inspection.handler, run=pipeline.run))
    key = RunKeys(pipeline.run.run_id).job_config("inspect") + "config.json"
    return job, InspectConfig.model_validate_json(pipeline.account.read(key))


def channels(job: TrainingJob) -> dict[str, str]:
    return {
        one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
        for one in job.input_data_config
    }


@pytest.mark.usefixtures("large")
def test_the_job_gets_the_file_and_a_disk_that_holds_all_that_is_made_of_it(
    account: Account,
) -> None:
    job, config = prepared(account)
    assert job.step == "inspect"
    assert set(channels(job)) == {"code", "packages", "config", "dataset"}
    assert channels(job)["dataset"] == f"s3://{BUCKET}/specs/tiles/dataset.jsonl"
    assert job.resource_config["VolumeSizeInGB"] > 5 * PLAIN / GIB
    assert not job.spot
    assert config.dataset_root == ""
    assert config.spec_uri == f"s3://{BUCKET}/specs/tiles/"
    assert config.splits_uri.endswith("/dataset/")
    assert config.servers[0].usd_per_hour == job.usd_per_hour > 0


@pytest.mark.usefixtures("large")
def test_logs_below_a_prefix_come_with_their_folder(account: Account) -> None:
    task = factories.spec_dict()["task"] | {"dataset": "logs"}
    account.put("specs/tiles/logs/2026/a.jsonl", factories.jsonl(factories.dataset_rows()))
    account.put("specs/tiles/logs/2026/b/c.jsonl.gz", b"packed")
    job, config = prepared(account, task=task)
    assert config.dataset_root == "logs/2026/"
    assert channels(job)["dataset"] == f"s3://{BUCKET}/specs/tiles/logs/2026/"


def test_models_that_lie_in_the_folder_of_the_data_have_room_on_the_disk_too(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = SpecFolder.list

    def enlarged(folder: SpecFolder, path: str) -> Iterator[SpecFile]:
        for file in listed(folder, path):
            yield replace(file, size=100 * GIB) if "model" in file.path else file

    monkeypatch.setattr(SpecFolder, "list", enlarged)
    task = factories.spec_dict()["task"] | {"dataset": "part-"}
    for part in "12":
        account.put(f"specs/tiles/part-{part}.jsonl", factories.jsonl(factories.dataset_rows()))
    account.put("specs/tiles/model/weights.safetensors", b"large")
    job, config = prepared(account, task=task)
    assert config.dataset_root == ""
    assert channels(job)["dataset"] == config.spec_uri
    assert job.resource_config["VolumeSizeInGB"] > 100


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("constraints", "told"),
    [
        ({"max_training_hours": 0.5}, "takes about 42 minutes, and the spec leaves 1[45] for it"),
        ({"max_budget_usd": 0.003}, "takes about 42 minutes, and the spec leaves 1 for it"),
    ],
)
def test_a_dataset_that_time_or_money_does_not_suffice_for_is_refused_before_the_job(
    account: Account, constraints: dict[str, float], told: str
) -> None:
    with pytest.raises(DatasetRejected, match=rf"split 20\.00 GB {told}.*Raise max_training_hours"):
        prepared(account, constraints=constraints)


def test_an_inspection_that_crashes_as_often_as_it_may_keeps_the_budget(account: Account) -> None:
    budget = 0.01
    _, config = prepared(account, constraints={"max_training_hours": 6, "max_budget_usd": budget})
    most = config.deadline_seconds / 3600 * max(one.usd_per_hour for one in config.servers)
    assert (1 + MAX_CRASHES) * most == pytest.approx(budget)


def test_a_region_without_a_price_is_told(account: Account) -> None:
    servers = factories.servers()
    rows = tuple(row.model_copy(update={"prices": ()}) for row in servers.instance_types)
    catalog = servers.model_copy(update={"instance_types": rows})
    account.put("catalog/servers.json", catalog.model_dump_json())
    with pytest.raises(NoFeasiblePlan, match="no server without accelerators has a price"):
        prepared(account)


def test_an_inspection_that_gets_no_server_asks_for_others(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, constraints={"max_training_hours": 6})
    pipeline.parse()
    monkeypatch.setenv("SEVERAL_INSTANCE_TYPES", "false")
    settings.cache_clear()
    job, config = job_of(pipeline)
    assert len(config.servers) == 1
    cause = {
        "TrainingJobName": job.name,
        "TrainingJobStatus": "Failed",
        "FailureReason": "CapacityError: Unable to provision requested ML compute capacity",
    }
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps(cause)}
    verdict = call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)
    assert (verdict["outcome"], verdict["retry"]) == ("capacity", True)
    asked = types_asked(verdict["job"]["resource_config"])
    assert asked
    assert config.servers[0].instance_type not in asked


def test_what_an_inspection_cost_is_no_longer_there_for_the_plan(account: Account) -> None:
    pipeline = start(account, constraints={"max_training_hours": 6, "max_budget_usd": 10})
    pipeline.parse()
    pipeline.inspect()
    job, _ = job_of(pipeline)
    account.create_job(job)
    account.put_result(pipeline.run, "inspect", InspectResult(seconds=1, usd=4.0, content_hash=""))
    probes = pipeline.plan()["probes"]
    probe = probes[0]
    key = RunKeys(pipeline.run.run_id).job_config(probe["step"]) + "config.json"
    config = json.loads(account.read(key))
    left = (10 - 4.0) * MONEY_SHARES["probe"] / len(probes)
    assert config["budget_usd"] == pytest.approx(left, rel=0.01)
