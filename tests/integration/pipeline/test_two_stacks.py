"""Two stacks in one account: the same spec in both, one of them in a VPC."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.cli import bring_up
from stratos.cli.stack import Stack
from stratos.cli.sweep import sweep_now
from stratos.errors import StackNotFound
from stratos.hosting.names import STACK_VARIABLE
from tests.integration.pipeline.cloud import (
    ROOT,
    Cloud,
    eventually,
    running_cloud,
    servers_of_this_machine,
    write_task,
)

pytestmark = pytest.mark.slow

DEVELOPMENT = "StratosDev"
VPC = {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}
PATIENT_SECONDS = 900.0
IN_VPC = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


@dataclass(frozen=True)
class Both:
    production: Cloud
    development: Cloud

    def __iter__(self) -> Iterator[Cloud]:
        yield from (self.production, self.development)

    def sweep(self) -> list[str]:
        """What either sweeper finds without an owner, removed."""
        swept = [sweep_now(cloud.stack, dry_run=False) for cloud in self]
        return [orphan.name for one in swept for orphan in one.removed]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    assembly = tmp_path_factory.mktemp("cdk.dev")
    setting = f"stratos:stack={DEVELOPMENT}"
    command = [sys.executable, "-m", "infra.app", "--out", str(assembly), "-c", setting]
    subprocess.run(command, cwd=ROOT, check=True)
    with running_cloud(tmp_path_factory.mktemp("cloud")) as production:
        bring_up(production.settings, assembly, VPC, servers_of_this_machine)
        os.environ[STACK_VARIABLE] = DEVELOPMENT
        development = Cloud(production.settings, production.url)
        del os.environ[STACK_VARIABLE]
        yield Both(production, development)


def test_a_stack_must_be_named_where_there_are_two(both: Both) -> None:
    with pytest.raises(StackNotFound, match="several stacks: Stratos, StratosDev"):
        Stack.find()
    first, second = (cloud.stack for cloud in both)
    assert first.bucket != second.bucket
    assert first.runs_table != second.runs_table
    assert (first.schedule_group, second.schedule_group) == ("stratos", "stratosdev")


def test_the_same_spec_runs_in_both_and_neither_touches_what_is_the_others(
    both: Both, tmp_path: Path
) -> None:
    weekly = {"schedule": "rate(7 days)", "hosting": {"keep": True}}
    folder = write_task(tmp_path / "task", "shared", **weekly)
    production, development = both
    first = production.submit(folder)
    _succeeds(production, first)
    second = development.submit(folder)
    eventually(lambda: _is_training(development, second))
    assert both.sweep() == []  # one has its model in service, the other is at work
    _succeeds(development, second)
    assert both.sweep() == []
    assert first != second
    assert set(production.billable()["endpoints"]) == {"stratos-shared", "stratosdev-shared"}
    groups = [_schedules(cloud) for cloud in both]
    assert groups == [["stratos-rerun-shared"], ["stratosdev-rerun-shared"]]

    _has_its_network(production, first, None)
    _has_its_network(development, second, IN_VPC)

    # An endpoint that one stack has lost is removed by that stack's sweeper alone.
    development.stack.table.update_item(
        Key={"run_id": second}, UpdateExpression="REMOVE endpoint_name"
    )
    assert sweep_now(production.stack, dry_run=False).removed == []
    removed = {orphan.name for orphan in sweep_now(development.stack, dry_run=False).removed}
    assert "stratosdev-shared" in removed
    assert eventually(lambda: production.billable()["endpoints"] == ["stratos-shared"])
    assert both.sweep() == []


def _succeeds(cloud: Cloud, run_id: str) -> None:
    assert cloud.finish(run_id, PATIENT_SECONDS).status == "succeeded", cloud.summary(run_id).reason


def _is_training(cloud: Cloud, run_id: str) -> bool:
    return any(job["TrainingJobStatus"] == "InProgress" for job in cloud.jobs(run_id))


def _schedules(cloud: Cloud) -> list[str]:
    listed = cloud.client("scheduler").list_schedules(GroupName=cloud.stack.schedule_group)
    return [schedule["Name"] for schedule in listed["Schedules"]]


def _has_its_network(cloud: Cloud, run_id: str, vpc: dict[str, list[str]] | None) -> None:
    """Jobs are in the stack's network, and the model is isolated there."""
    jobs = cloud.jobs(run_id)
    assert len(jobs) >= 3
    for job in jobs:
        assert job.get("VpcConfig") == vpc
        assert job["EnableNetworkIsolation"] is False
    name = cloud.stack.names.deployment(run_id, 0)
    model = cloud.stack.sagemaker.describe_model(ModelName=name)
    assert model["EnableNetworkIsolation"] is True
    assert model.get("VpcConfig") == vpc
