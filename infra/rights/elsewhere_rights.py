"""What home may do in its worker regions, and for models that they serve, next to why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.parts.functions import Functions
from infra.parts.schedules import Schedules
from infra.parts.storage import DataStores
from infra.permissions import (
    COMPONENTS,
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    MODELS,
    PREFIX,
    TRAINING_JOBS,
    WORKER_EXECUTIONS,
    WORKER_MACHINE,
    arn,
    names_of,
    pass_role,
    query_runs,
    read_objects,
    sagemaker,
    sagemaker_of_runs,
    use_key,
    use_runs,
    write_objects,
)
from infra.rights.shared_rights import (
    Statements,
    end_endpoints,
    make_run_roles,
    measure_and_scale,
    read_executions,
    read_jobs,
    update_packages,
    use_schedules,
)
from stratos.contracts.bucket import SERVED_PREFIX

_RECORDS = f"{SERVED_PREFIX}*"


@dataclass(frozen=True)
class Reach:
    """What functions of home are let use, here and in worker regions."""

    scope: Construct
    storage: DataStores
    schedules: Schedules
    regions: tuple[str, ...]
    """Of workers."""
    run_policies: Sequence[iam.IManagedPolicy]

    @property
    def bucket(self) -> s3.IBucket:
        return self.storage.bucket

    @property
    def everywhere(self) -> tuple[str, ...]:
        return (Aws.REGION, *self.regions)

    def in_each(self, resource: str, *actions: str) -> iam.PolicyStatement:
        """Actions of Step Functions in every worker region."""
        return iam.PolicyStatement(
            actions=[f"states:{action}" for action in actions],
            resources=[arn("states", resource, region=region) for region in self.regions],
        )

    def tell(self) -> Statements:
        """Write down in a worker region where a model answers."""
        names = names_of(self.scope)
        buckets = (names.worker_bucket(Aws.ACCOUNT_ID, region) for region in self.regions)
        return (
            iam.PolicyStatement(
                actions=["s3:PutObject"],
                resources=[f"arn:{Aws.PARTITION}:s3:::{bucket}/{_RECORDS}" for bucket in buckets],
            ),
            iam.PolicyStatement(
                actions=["kms:GenerateDataKey"],
                resources=[arn("kms", "key/*", region=region) for region in self.regions],
                conditions={
                    "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{PREFIX}-worker"}
                },
            ),
        )


def grant_elsewhere(
    functions: Functions,
    *,
    storage: DataStores,
    schedules: Schedules,
    regions: tuple[str, ...],
    run_policies: Sequence[iam.IManagedPolicy],
) -> None:
    """Let home's functions reach into its worker regions; nothing where there are none.

    How a job stands there, home reads from its own bucket, where the worker writes it.
    """
    if not regions:
        return
    reach = Reach(functions, storage, schedules, regions, run_policies)
    for module, rights in _RIGHTS.items():
        functions.grant(module, *rights(reach))


def _read_quotas(reach: Reach) -> Statements:
    """IAM has no resource for a list of quotas, so it is held to the regions."""
    return (
        iam.PolicyStatement(
            actions=["servicequotas:ListServiceQuotas"],
            resources=["*"],
            conditions={"StringEquals": {"aws:RequestedRegion": list(reach.regions)}},
        ),
    )


def _hand_over(reach: Reach) -> Statements:
    return (
        write_objects(reach.bucket, "runs/*/elsewhere/*"),
        use_key(reach.storage.key),
        *_start_there(reach),
    )


def _hand_over_endpoint(reach: Reach) -> Statements:
    return (
        write_objects(reach.bucket, "runs/*/tokens/*"),
        use_key(reach.storage.key),
        *_start_there(reach),
    )


def _start_there(reach: Reach) -> Statements:
    return (
        reach.in_each(WORKER_MACHINE, "StartExecution"),
        # One that an earlier call has started under the name holds a token of before.
        reach.in_each(WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
        # Of a run that began before runs had roles.
        *make_run_roles(reach.run_policies),
    )


def _stage_regions(reach: Reach) -> Statements:
    return (
        *read_objects(reach.bucket, "runs/", "catalog/"),
        write_objects(reach.bucket, "runs/*"),
        use_runs(reach.storage.runs_table, "GetItem", "UpdateItem"),
        use_key(reach.storage.key),
    )


def _watch_endpoint(_: Reach) -> Statements:
    return (sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),)


def _measure_region(reach: Reach) -> Statements:
    return (
        *read_objects(reach.bucket, "runs/"),
        write_objects(reach.bucket, "runs/*/loads/*"),
        use_key(reach.storage.key),
        *measure_and_scale(),
    )


def _judge_regions(reach: Reach) -> Statements:
    return (
        *read_objects(reach.bucket, "runs/", "catalog/"),
        write_objects(reach.bucket, "runs/*"),
        use_key(reach.storage.key),
        # What the run has spent, and how long staging takes: is there room for other servers?
        *read_jobs(),
        read_executions(),
        query_runs(reach.storage.runs_table, "by_spec"),  # the model in service
    )


def _promote_regions(reach: Reach) -> Statements:
    return (
        *read_objects(reach.bucket, "runs/", SERVED_PREFIX),
        write_objects(reach.bucket, _RECORDS),
        use_key(reach.storage.key),
        use_runs(reach.storage.runs_table, "UpdateItem"),
        query_runs(reach.storage.runs_table, "by_spec"),
        use_schedules("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
        pass_role(reach.schedules.role, "scheduler.amazonaws.com"),
        update_packages(),
        sagemaker(
            "DescribeEndpoint", "ListTags", "AddTags", on=(ENDPOINTS,), regions=reach.everywhere
        ),
        *reach.tell(),
    )


def _retire_former(reach: Reach) -> Statements:
    return (
        *read_objects(reach.bucket, "runs/"),
        use_key(reach.storage.key),
        use_runs(reach.storage.runs_table, "UpdateItem"),
        use_schedules("DeleteSchedule"),
        *end_endpoints(regions=reach.everywhere),
        # The model that home alone served may have been in a component.
        sagemaker("DescribeInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DeleteInferenceComponent", on=(COMPONENTS,)),
    )


def _promote(reach: Reach) -> Statements:
    return reach.tell()  # a model that other regions have served comes home


def _clean_up(reach: Reach) -> Statements:
    return (
        reach.in_each(WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,), regions=reach.regions),
        *end_endpoints(regions=reach.regions),
    )


def _sweep(reach: Reach) -> Statements:
    return (
        # It knows its own things by their tags, so it has to read those of others, too.
        sagemaker(
            "ListTags",
            on=(TRAINING_JOBS, ENDPOINTS, ENDPOINT_CONFIGS, MODELS),
            regions=reach.regions,
        ),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,), regions=reach.regions),
        reach.in_each(WORKER_EXECUTIONS, "DescribeExecution", "StopExecution"),
        *end_endpoints(regions=reach.regions),
        # What a promotion that was cut short has left to be told and written down.
        *read_objects(reach.bucket, "runs/", SERVED_PREFIX),
        query_runs(reach.storage.runs_table, "by_spec"),
        sagemaker("AddTags", on=(ENDPOINTS,), regions=reach.everywhere),
        *reach.tell(),
    )


_RIGHTS: Mapping[str, Callable[[Reach], Statements]] = {
    "plan_candidates": _read_quotas,
    "match_models": _read_quotas,
    "hand_over": _hand_over,
    "stage_regions": _stage_regions,
    "hand_over_endpoint": _hand_over_endpoint,
    "watch_endpoint": _watch_endpoint,
    "measure_region": _measure_region,
    "judge_regions": _judge_regions,
    "promote_regions": _promote_regions,
    "retire_former": _retire_former,
    "promote": _promote,
    "clean_up": _clean_up,
    "sweep": _sweep,
}
"""By handler module: of those that home has only with worker regions, all that they may do."""
