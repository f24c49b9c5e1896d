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

COUNTS_JOBS = (
    *("plan_candidates", "match_models", "diagnose_job", "check_quality"),
    *("measure_endpoint", "measure_batch", "report", "clean_up"),
)
"""Functions that look at a run's jobs at home: it pays for those of other regions, too."""


def grant_elsewhere(functions: Functions, *, storage: DataStores, regions: tuple[str, ...]) -> None:
    """Let home's functions reach into its worker regions; nothing where there are none."""
    if not regions:
        return
    functions.grant(
        "hand_over",
        write_objects(storage.bucket, "runs/*/elsewhere/*"),
        use_key(storage.key),
        _in_each(regions, WORKER_MACHINE, "StartExecution"),
        # Whether a job that was handed over before, and not heard of since, is under way.
        _in_each(regions, WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
    )
    for module in COUNTS_JOBS:
        functions.grant(
            module, sagemaker_of_runs("DescribeTrainingJob", on=(TRAINING_JOBS,), regions=regions)
        )
    for module in ("clean_up", "sweep"):
        functions.grant(
            module,
            sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,), regions=regions),
            _in_each(regions, WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
            _in_each(regions, WORKER_MACHINE, "ListExecutions"),
        )
    functions.grant(
        "sweep",
        sagemaker_of_runs("DescribeTrainingJob", on=(TRAINING_JOBS,), regions=regions),
        sagemaker("ListTags", on=(TRAINING_JOBS,), regions=regions),
    )


def _in_each(regions: tuple[str, ...], resource: str, *actions: str) -> iam.PolicyStatement:
    """Actions of Step Functions in every region."""
    return iam.PolicyStatement(
        actions=[f"states:{action}" for action in actions],
        resources=[arn("states", resource, region=region) for region in regions],
    )
