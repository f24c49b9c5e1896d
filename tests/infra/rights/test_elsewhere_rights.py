"""What home may do in its worker regions."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.hosting.ownership import RUN_TAG
from tests.infra.conftest import WORKERS
from tests.infra.policies import ACCOUNT, allows, listed, resolved, statements

ID = ACCOUNT["AWS::AccountId"]
JOB = "sagemaker:{}:" + ID + ":training-job/r-1-distill-a0-0"


def reached(template: dict[str, Any], role: str) -> set[str]:
    """Regions besides the stack's own that a role's statements name."""
    arns = (resolved(r) for s in statements(template, role) for r in listed(s["Resource"]))
    regions = {arn.split(":")[3] for arn in arns if arn.startswith("arn:")}
    return regions - {ACCOUNT["AWS::Region"], "", "*"} | regions & set(WORKERS[1:])


def test_home_without_worker_regions_reaches_no_other(template) -> None:
    assert reached(template, "") == set()


@pytest.mark.parametrize("region", WORKERS)
def test_hand_over_starts_and_stops_the_executions_of_the_worker_s_machine_alone(
    home_of_regions, region
) -> None:
    machine = f"arn:aws:states:{region}:{ID}:stateMachine:"
    role = "FunctionsHandOverRole"
    assert allows(home_of_regions, role, "states:StartExecution", f"{machine}stratos-worker")
    assert not allows(home_of_regions, role, "states:StartExecution", f"{machine}stratos")
    execution = f"arn:aws:states:{region}:{ID}:execution:stratos-worker:r-1-distill-a0-0"
    assert allows(home_of_regions, role, "states:StopExecution", execution)
    elsewhere = execution.replace(region, "eu-north-1")
    assert not allows(home_of_regions, role, "states:StopExecution", elsewhere)


@pytest.mark.parametrize("role", ["FunctionsCleanUpRole", "FunctionsSweepRole"])
@pytest.mark.parametrize("region", WORKERS)
def test_who_ends_what_is_left_ends_jobs_of_runs_in_every_region(
    home_of_regions, role, region
) -> None:
    job = f"arn:aws:{JOB.format(region)}"
    assert allows(home_of_regions, role, "sagemaker:StopTrainingJob", job)
    for statement in statements(home_of_regions, role):
        if "sagemaker:StopTrainingJob" in listed(statement["Action"]):
            assert statement["Condition"]["Null"] == {f"aws:ResourceTag/{RUN_TAG}": "false"}


def test_nobody_else_of_home_changes_anything_in_another_region(home_of_regions) -> None:
    reading = ("Describe", "List")
    for statement in statements(home_of_regions):
        arns = [resolved(item) for item in listed(statement["Resource"])]
        if any(f":{WORKERS[1]}:" in arn for arn in arns):
            changing = {
                action
                for action in listed(statement["Action"])
                if not action.partition(":")[2].startswith(reading)
            }
            assert changing <= {
                "application-autoscaling:DeregisterScalableTarget",
                "cloudwatch:DeleteAlarms",
                "kms:GenerateDataKey",
                "sagemaker:AddTags",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DeleteModel",
                "sagemaker:StopTrainingJob",
                "states:StartExecution",
                "states:StopExecution",
            }


@pytest.mark.parametrize("region", WORKERS)
def test_endpoints_of_other_stacks_are_nobody_s_to_end_in_a_worker_region(
    home_of_regions, region
) -> None:
    mine, other = (
        f"arn:aws:sagemaker:{region}:{ID}:endpoint/{name}-tiles" for name in ("stratos", "other")
    )
    for role in ("FunctionsCleanUpRole", "FunctionsSweepRole", "FunctionsRetireFormerRole"):
        assert allows(home_of_regions, role, "sagemaker:DeleteEndpoint", mine)
        assert not allows(home_of_regions, role, "sagemaker:DeleteEndpoint", other)


@pytest.mark.parametrize("region", WORKERS)
def test_home_writes_nothing_into_a_worker_s_bucket_but_where_models_answer(
    home_of_regions, region
) -> None:
    bucket = f"arn:aws:s3:::stratos-worker-{ID}-{region}"
    for role in ("FunctionsPromoteRegionsRole", "FunctionsPromoteRole", "FunctionsSweepRole"):
        assert allows(home_of_regions, role, "s3:PutObject", f"{bucket}/served/tiles.json")
        assert not allows(home_of_regions, role, "s3:PutObject", f"{bucket}/runs/r-1/spec.json")
