"""What each function may do, next to why.

One function here for each handler, in the order a run calls them; `_RIGHTS` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.parts.functions import HANDLERS, Functions
from infra.parts.notifications import Notifications
from infra.parts.schedules import Schedules
from infra.parts.storage import DataStores
from infra.permissions import (
    COMPONENTS,
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    EXECUTIONS,
    MODELS,
    PREFIX,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
    arn,
    create_in_sagemaker,
    list_in_sagemaker,
    pass_role,
    query_runs,
    read_container_logs,
    read_objects,
    sagemaker,
    sagemaker_of_runs,
    scale_endpoints,
    use_alarms,
    use_key,
    use_runs,
    use_tracking_alarms,
    write_objects,
    write_records,
)
from infra.rights.shared_rights import (
    Statements,
    delete_failed_endpoint,
    delete_run_roles,
    look_at_endpoint,
    make_run_roles,
    read_executions,
    read_jobs,
    scale,
    update_packages,
    use_schedules,
)
from stratos.contracts.bucket import REFUSALS_KEY, SERVED_PREFIX


@dataclass(frozen=True)
class Granted:
    """The parts of the stack that functions are let use."""

    bucket: s3.IBucket
    runs_table: dynamodb.ITable
    topic_arn: str
    schedules_role: iam.IRole
    clean_up_arn: str
    run_policies: Sequence[iam.IManagedPolicy]
    """All that the roles of runs may be given."""


def grant_functions(
    functions: Functions,
    *,
    storage: DataStores,
    notifications: Notifications,
    schedules: Schedules,
    run_policies: Sequence[iam.IManagedPolicy],
) -> None:
    """Give every function what its handler calls, and no more."""
    modules = [handler.module for handler in HANDLERS]
    assert _RIGHTS.keys() == set(modules), "each handler has its rights here"
    granted = Granted(
        bucket=storage.bucket,
        runs_table=storage.runs_table,
        topic_arn=notifications.topic.topic_arn,
        schedules_role=schedules.role,
        clean_up_arn=functions["clean_up"].function_arn,
        run_policies=run_policies,
    )
    for module in modules:
        functions.grant(module, use_key(storage.key), *_RIGHTS[module](granted))


def _claim_run(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "specs/"),  # a rerun takes the newest version of the spec
        use_runs(granted.runs_table, "PutItem"),
    )


def _parse_constraints(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "specs/"),
        write_objects(granted.bucket, "runs/*", "specs/*/rejection.json"),
        use_runs(granted.runs_table, "UpdateItem"),
        _describe_secrets(),
    )


def _describe_secrets() -> iam.PolicyStatement:
    """What a secret is tagged with, not what it holds."""
    return iam.PolicyStatement(
        actions=["secretsmanager:DescribeSecret"],
        resources=[arn("secretsmanager", f"secret:{PREFIX}/*")],
    )


def _await_place(granted: Granted) -> Statements:
    return (use_runs(granted.runs_table, "GetItem", "UpdateItem"), _wake_runs())


def _wake_runs() -> iam.PolicyStatement:
    """Whoever changes the queue lets the runs go on that have got a place."""
    return iam.PolicyStatement(
        actions=["states:SendTaskSuccess"], resources=[arn("states", f"stateMachine:{PREFIX}")]
    )


def _inspect_dataset(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "specs/", "runs/"),
        write_records(granted.bucket, "runs/*"),
        use_runs(granted.runs_table, "GetItem", "UpdateItem"),
        query_runs(granted.runs_table, "by_spec"),
        *make_run_roles(granted.run_policies),
    )


def _prepare_inspection(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "specs/", "catalog/", "runs/"),
        write_objects(granted.bucket, "runs/*"),
    )


def _plan_candidates(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "specs/", "catalog/", "runs/"),
        write_objects(granted.bucket, "runs/*"),
        *look_at_endpoint(),  # what kind is in service already, and on what
        query_runs(granted.runs_table, "by_spec"),  # whether other regions serve the spec
        *read_jobs(),  # what an inspection cost, or the probes
    )


def _match_models(granted: Granted) -> Statements:
    return (
        *_plan_candidates(granted),  # it plans again
        use_runs(granted.runs_table, "GetItem"),  # the model in service, to be compared with
    )


def _diagnose_job(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "runs/", "catalog/"),
        write_objects(granted.bucket, "runs/*", REFUSALS_KEY),
        *read_jobs(),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,)),
    )


def _gather_shards(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "runs/"),
        write_records(granted.bucket, "runs/*"),
        *read_jobs(),  # what the run has spent, before more jobs begin
    )


def _check_quality(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "runs/"),
        write_objects(granted.bucket, "runs/*"),
        *read_jobs(),
        *look_at_endpoint(),
        *read_objects(granted.bucket, "catalog/"),
    )


def _request_approval(granted: Granted) -> Statements:
    return (use_runs(granted.runs_table, "UpdateItem"), _notify(granted))


def _record_approval(granted: Granted) -> Statements:
    return (
        use_runs(granted.runs_table, "GetItem", "UpdateItem"),
        *read_objects(granted.bucket, "runs/"),
        write_objects(granted.bucket, "runs/*"),
        update_packages(),
    )


def _take_turn(granted: Granted) -> Statements:
    return (
        use_runs(granted.runs_table, "GetItem", "UpdateItem"),
        *read_objects(granted.bucket, "runs/"),
        write_objects(granted.bucket, "runs/*"),
        *look_at_endpoint(),
        *read_objects(granted.bucket, "catalog/"),
        use_schedules("DeleteSchedule"),  # the endpoint's time does not end during the turn
        *delete_failed_endpoint(),
        scale_endpoints("DeregisterScalableTarget"),
        use_alarms("DescribeAlarms", "DeleteAlarms"),
        use_tracking_alarms("DescribeAlarms", "DeleteAlarms"),
    )


def _await_component(granted: Granted) -> Statements:
    return (
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        sagemaker(
            "DescribeInferenceComponent",
            "UpdateInferenceComponentRuntimeConfig",
            on=(COMPONENTS,),
        ),
    )


def _measure_endpoint(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "runs/", "async/", "catalog/"),
        write_objects(granted.bucket, "runs/*", "async/*"),
        sagemaker("InvokeEndpoint", "InvokeEndpointAsync", on=(ENDPOINTS,)),
        sagemaker("InvokeEndpoint", on=(COMPONENTS,)),
        # What the run has spent, and how long an endpoint takes: is there room for another?
        *read_jobs(),
        read_executions(),
        query_runs(granted.runs_table, "by_spec"),  # the model in service
        read_container_logs(),  # why requests fail
        *delete_failed_endpoint(),
    )


def _measure_batch(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "runs/", "catalog/"),
        write_objects(granted.bucket, "runs/*"),
        sagemaker_of_runs("DescribeTransformJob", "StopTransformJob", on=(TRANSFORM_JOBS,)),
        *read_jobs(),  # as for an endpoint
        read_executions(),
        query_runs(granted.runs_table, "by_spec"),
    )


def _promote(granted: Granted) -> Statements:
    return (
        # A model that other regions have served comes home, also if there are none any more.
        *read_objects(granted.bucket, "runs/", SERVED_PREFIX),
        write_objects(granted.bucket, f"{SERVED_PREFIX}*"),
        use_runs(granted.runs_table, "GetItem", "UpdateItem"),
        query_runs(granted.runs_table, "by_spec"),
        use_schedules("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
        pass_role(granted.schedules_role, "scheduler.amazonaws.com"),
        *scale(),
        sagemaker("AddTags", on=(ENDPOINTS,)),
        update_packages(),
    )


def _report(granted: Granted) -> Statements:
    return (
        *read_objects(granted.bucket, "runs/", "catalog/"),
        write_objects(granted.bucket, "runs/*", "catalog/calibration.jsonl"),
        use_runs(granted.runs_table, "GetItem", "UpdateItem"),
        *read_jobs(),
        # What a batch cost that was stopped before it was measured.
        sagemaker_of_runs("DescribeTransformJob", on=(TRANSFORM_JOBS,)),
        read_executions(),
        _notify(granted),
        delete_run_roles(),
        _wake_runs(),  # the next one, at the end of a run
    )


def _clean_up(granted: Granted) -> Statements:
    return (
        *_report(granted),  # of an execution that was cut short
        *read_objects(granted.bucket, SERVED_PREFIX),  # whether the run's model is in service
        # Which versions the run has registered, to reject those that were not promoted.
        list_in_sagemaker("ListModelPackages"),
        update_packages(),
        query_runs(granted.runs_table, "by_execution", "by_spec"),  # whose model is back in service
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,)),
        list_in_sagemaker("ListTransformJobs"),
        sagemaker_of_runs("StopTransformJob", on=(TRANSFORM_JOBS,)),
        sagemaker_of_runs("DeleteModel", "DeleteEndpointConfig", on=(MODELS, ENDPOINT_CONFIGS)),
        sagemaker("DeleteEndpoint", "UpdateEndpoint", on=(ENDPOINTS,)),
        sagemaker("UpdateEndpoint", on=(ENDPOINT_CONFIGS,)),
        create_in_sagemaker("CreateEndpoint", on=(ENDPOINTS, ENDPOINT_CONFIGS)),
        sagemaker("DescribeInferenceComponent", "UpdateInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DeleteInferenceComponent", on=(COMPONENTS,)),
        # The model that is back in service is scaled as it was, and ends when it was to.
        *scale(),
        use_schedules("CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
        pass_role(granted.schedules_role, "scheduler.amazonaws.com"),
        sagemaker("AddTags", on=(ENDPOINTS,)),
    )


def _sweep(granted: Granted) -> Statements:
    return (
        use_runs(granted.runs_table, "Scan", "GetItem", "UpdateItem"),
        _wake_runs(),  # where the end of a run did not
        # What a run that is over left at an endpoint is CleanUp's to take back.
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[granted.clean_up_arn]),
        iam.PolicyStatement(
            actions=["states:DescribeExecution"],
            resources=[arn("states", EXECUTIONS)],
        ),
        list_in_sagemaker(
            "ListInferenceComponents",
            "ListEndpoints",
            "ListEndpointConfigs",
            "ListModels",
            "ListTrainingJobs",
            "ListTransformJobs",
        ),
        # It knows its own things by their tags, so it has to read those of others, too.
        sagemaker(
            "ListTags",
            on=(COMPONENTS, ENDPOINTS, ENDPOINT_CONFIGS, MODELS, TRAINING_JOBS, TRANSFORM_JOBS),
        ),
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        sagemaker("DescribeInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DeleteInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DeleteEndpoint", on=(ENDPOINTS,)),
        sagemaker_of_runs("DeleteModel", "DeleteEndpointConfig", on=(MODELS, ENDPOINT_CONFIGS)),
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,)),
        sagemaker_of_runs("StopTransformJob", on=(TRANSFORM_JOBS,)),
        scale_endpoints("DeregisterScalableTarget"),
        use_alarms("DeleteAlarms"),
        use_tracking_alarms("DescribeAlarms", "DeleteAlarms"),
        iam.PolicyStatement(
            actions=["scheduler:ListSchedules", "cloudwatch:DescribeAlarms", "iam:ListRoles"],
            resources=["*"],
        ),
        delete_run_roles(),
        *read_objects(granted.bucket, "specs/"),  # is the spec of a rerun still there?
        use_schedules("GetSchedule", "DeleteSchedule"),
    )


def _tell_webhooks(granted: Granted) -> Statements:
    # Secrets Manager puts a hyphen and six characters behind a secret's name.
    secret = f"secret:{PREFIX}-webhooks-??????"
    return (
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"], resources=[arn("secretsmanager", secret)]
        ),
    )


_RIGHTS: Mapping[str, Callable[[Granted], Statements]] = {
    "claim_run": _claim_run,
    "parse_constraints": _parse_constraints,
    "await_place": _await_place,
    "inspect_dataset": _inspect_dataset,
    "prepare_inspection": _prepare_inspection,
    "plan_candidates": _plan_candidates,
    "match_models": _match_models,
    "diagnose_job": _diagnose_job,
    "gather_shards": _gather_shards,
    "check_quality": _check_quality,
    "request_approval": _request_approval,
    "record_approval": _record_approval,
    "take_turn": _take_turn,
    "await_component": _await_component,
    "measure_endpoint": _measure_endpoint,
    "measure_batch": _measure_batch,
    "promote": _promote,
    "report": _report,
    "clean_up": _clean_up,
    "sweep": _sweep,
    "tell_webhooks": _tell_webhooks,
}
"""By handler module, as `infra.parts.functions.HANDLERS` lists them."""


def _notify(granted: Granted) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["sns:Publish"], resources=[granted.topic_arn])
