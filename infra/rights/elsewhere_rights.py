"""What home may do in its worker regions, next to why."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from infra.parts.functions import Functions
from infra.parts.storage import DataStores
from infra.permissions import (
    TRAINING_JOBS,
    WORKER_EXECUTIONS,
    WORKER_MACHINE,
    arn,
    sagemaker,
    sagemaker_of_runs,
    use_key,
    write_objects,
)


def grant_elsewhere(functions: Functions, *, storage: DataStores, regions: tuple[str, ...]) -> None:
    """Let home's functions reach into its worker regions; nothing where there are none.

    How a job stands there, home reads from its own bucket, where the worker writes it.
    """
    if not regions:
        return
    for planner in ("plan_candidates", "match_models"):
        functions.grant(planner, _read_quotas(regions))
    functions.grant(
        "hand_over",
        write_objects(storage.bucket, "runs/*/elsewhere/*"),
        use_key(storage.key),
        _in_each(regions, WORKER_MACHINE, "StartExecution"),
        # One that an earlier call has started under the name holds a token of before.
        _in_each(regions, WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
    )
    functions.grant(
        "clean_up",
        _in_each(regions, WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,), regions=regions),
    )
    functions.grant(
        "sweep",
        # It knows its own jobs by their tags, so it has to read those of others, too.
        sagemaker("ListTags", on=(TRAINING_JOBS,), regions=regions),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,), regions=regions),
    )


def _read_quotas(regions: tuple[str, ...]) -> iam.PolicyStatement:
    """IAM has no resource for a list of quotas, so it is held to the regions."""
    return iam.PolicyStatement(
        actions=["servicequotas:ListServiceQuotas"],
        resources=["*"],
        conditions={"StringEquals": {"aws:RequestedRegion": list(regions)}},
    )


def _in_each(regions: tuple[str, ...], resource: str, *actions: str) -> iam.PolicyStatement:
    """Actions of Step Functions in every region."""
    return iam.PolicyStatement(
        actions=[f"states:{action}" for action in actions],
        resources=[arn("states", resource, region=region) for region in regions],
    )
