"""What each function may do, next to why."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from infra.parts.functions import Functions
from infra.parts.notifications import Notifications
from infra.parts.schedules import GROUP_NAME, Schedules
from infra.parts.storage import DataStores
from infra.permissions import (
    COMPONENTS,
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    MODELS,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
    arn,
    list_in_sagemaker,
    list_training_jobs,
    pass_role,
    query_runs,
    read_objects,
    sagemaker,
    sagemaker_of_runs,
    scale_endpoints,
    scale_with_service_role,
    use_alarms,
    use_key,
    use_runs,
    use_tracking_alarms,
    write_objects,
)
from infra.states.deployment import Endpoints

_STATES_NAME = "stratos"


def grant_functions(
    functions: Functions,
    *,
    storage: DataStores,
    notifications: Notifications,
    schedules: Schedules,
    endpoints: Endpoints,
) -> None:
    """Give every function what its handler calls, and no more."""
    bucket, table = storage.bucket, storage.runs_table
    for module in functions.by_module:
        functions.grant(module, use_key(storage.key))

    functions.grant(
        "claim_run",
        *read_objects(bucket, "specs/"),  # a rerun takes the newest version of the spec
        use_runs(table, "PutItem"),
    )
    functions.grant(
        "parse_constraints",
        *read_objects(bucket, "specs/"),
        write_objects(bucket, "runs/*", "specs/*/rejection.json"),
        use_runs(table, "UpdateItem"),
    )
    functions.grant(
        "inspect_dataset",
        *read_objects(bucket, "specs/", "runs/"),
        write_objects(bucket, "runs/*"),
        use_runs(table, "GetItem", "UpdateItem"),
        query_runs(table, "by_spec"),
    )
    for module in ("plan_candidates", "match_models"):
        functions.grant(
            module,
            *read_objects(bucket, "specs/", "catalog/", "runs/"),
            write_objects(bucket, "runs/*"),
            *_look_at_endpoint(),  # what kind is in service already, and on what
        )
    functions.grant(
        "match_models",
        *_read_jobs(),  # what the probes cost
        use_runs(table, "GetItem"),
        query_runs(table, "by_spec"),  # the model in service, to be compared with
    )
    functions.grant(
        "diagnose_job",
        *read_objects(bucket, "runs/"),
        write_objects(bucket, "runs/*"),
        *_read_jobs(),
    )
    functions.grant(
        "check_quality",
        *read_objects(bucket, "runs/"),
        write_objects(bucket, "runs/*"),
        *_read_jobs(),
        *_look_at_endpoint(),
        *read_objects(bucket, "catalog/"),
    )
    functions.grant("request_approval", use_runs(table, "UpdateItem"), _notify(notifications))
    functions.grant(
        "record_approval",
        use_runs(table, "GetItem", "UpdateItem"),
        *read_objects(bucket, "runs/"),
        write_objects(bucket, "runs/*"),
        _update_packages(endpoints),
    )
    functions.grant(
        "take_turn",
        use_runs(table, "GetItem", "UpdateItem"),
        *read_objects(bucket, "runs/"),
        write_objects(bucket, "runs/*"),
        *_look_at_endpoint(),
        *read_objects(bucket, "catalog/"),
        _use_schedules("DeleteSchedule"),  # the endpoint's time does not end during the turn
    )
    functions.grant(
        "await_component",
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        sagemaker(
            "DescribeInferenceComponent",
            "UpdateInferenceComponentRuntimeConfig",
            on=(COMPONENTS,),
        ),
    )
    functions.grant(
        "measure_endpoint",
        *read_objects(bucket, "runs/", "async/", "catalog/"),
        write_objects(bucket, "runs/*", "async/*"),
        sagemaker("InvokeEndpoint", "InvokeEndpointAsync", on=(ENDPOINTS,)),
        sagemaker("InvokeEndpoint", on=(COMPONENTS,)),
        # What the run has spent, and how long an endpoint takes: is there room for another?
        *_read_jobs(),
        _read_executions(),
        query_runs(table, "by_spec"),  # the model in service
    )
    functions.grant(
        "measure_batch",
        *read_objects(bucket, "runs/", "catalog/"),
        write_objects(bucket, "runs/*"),
        sagemaker_of_runs("DescribeTransformJob", "StopTransformJob", on=(TRANSFORM_JOBS,)),
        *_read_jobs(),  # as for an endpoint
        _read_executions(),
        query_runs(table, "by_spec"),
    )
    functions.grant(
        "promote",
        *read_objects(bucket, "runs/"),
        use_runs(table, "GetItem", "UpdateItem"),
        query_runs(table, "by_spec"),
        _use_schedules("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
        pass_role(schedules.role, "scheduler.amazonaws.com"),
        *_scale(),
        sagemaker("AddTags", on=(ENDPOINTS,)),
        _update_packages(endpoints),
    )
    # CleanUp writes the report of an execution that was cut short, so it may do what Report may.
    for module in ("report", "clean_up"):
        functions.grant(
            module,
            *read_objects(bucket, "runs/", "catalog/"),
            write_objects(bucket, "runs/*", "catalog/calibration.jsonl"),
            use_runs(table, "GetItem", "UpdateItem"),
            *_read_jobs(),
            # What a batch cost that was stopped before it was measured.
            sagemaker_of_runs("DescribeTransformJob", on=(TRANSFORM_JOBS,)),
            _read_executions(),
            _notify(notifications),
        )
    functions.grant(
        "clean_up",
        # Which versions the run has registered, to reject those that were not promoted.
        list_in_sagemaker("ListModelPackages"),
        _update_packages(endpoints),
        query_runs(table, "by_execution", "by_spec"),  # whose model is back in service
        sagemaker_of_runs("StopTrainingJob", on=(TRAINING_JOBS,)),
        list_in_sagemaker("ListTransformJobs"),
        sagemaker_of_runs("StopTransformJob", on=(TRANSFORM_JOBS,)),
        sagemaker_of_runs("DeleteModel", "DeleteEndpointConfig", on=(MODELS, ENDPOINT_CONFIGS)),
        sagemaker("DeleteEndpoint", "UpdateEndpoint", on=(ENDPOINTS,)),
        sagemaker("UpdateEndpoint", on=(ENDPOINT_CONFIGS,)),
        sagemaker("DescribeInferenceComponent", "UpdateInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DeleteInferenceComponent", on=(COMPONENTS,)),
        # The model that is back in service is scaled as it was, and ends when it was to.
        *_scale(),
        _use_schedules("CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
        pass_role(schedules.role, "scheduler.amazonaws.com"),
        sagemaker("AddTags", on=(ENDPOINTS,)),
    )

    functions.grant(
        "sweep",
        use_runs(table, "Scan", "GetItem", "UpdateItem"),
        # What a run that is over left at an endpoint is CleanUp's to take back.
        iam.PolicyStatement(
            actions=["lambda:InvokeFunction"],
            resources=[functions["clean_up"].function_arn],
        ),
        iam.PolicyStatement(
            actions=["states:DescribeExecution"],
            resources=[arn("states", f"execution:{_STATES_NAME}:*")],
        ),
        list_in_sagemaker(
            "ListInferenceComponents",
            "ListEndpoints",
            "ListEndpointConfigs",
            "ListModels",
            "ListTrainingJobs",
            "ListTransformJobs",
        ),
        # Tags are what it tells its own things by, so it has to read those of others, too.
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
            actions=["scheduler:ListSchedules", "cloudwatch:DescribeAlarms"], resources=["*"]
        ),
        *read_objects(bucket, "specs/"),  # is the spec of a rerun still there?
        _use_schedules("GetSchedule", "DeleteSchedule"),
    )


def _use_schedules(*actions: str) -> iam.PolicyStatement:
    """Scheduler actions such as `DeleteSchedule` on reruns and on the ends of endpoints."""
    return iam.PolicyStatement(
        actions=[f"scheduler:{action}" for action in actions],
        resources=[arn("scheduler", f"schedule/{GROUP_NAME}/*")],
    )


def _scale() -> tuple[iam.PolicyStatement, ...]:
    """Set or remove what scales an endpoint.

    Application Auto Scaling looks at the endpoint and its alarms on behalf of who asks it.
    """
    return (
        scale_endpoints("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy"),
        scale_with_service_role(),
        sagemaker("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities", on=(ENDPOINTS,)),
        sagemaker(
            "DescribeInferenceComponent",
            "UpdateInferenceComponentRuntimeConfig",
            on=(COMPONENTS,),
        ),
        sagemaker_of_runs("DescribeEndpointConfig", on=(ENDPOINT_CONFIGS,)),
        use_alarms("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"),
        use_tracking_alarms("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"),
    )


def _look_at_endpoint() -> tuple[iam.PolicyStatement, ...]:
    """What is in service under a spec's name: its kind, its instances, its component."""
    return (
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        sagemaker("DescribeInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DescribeEndpointConfig", on=(ENDPOINT_CONFIGS,)),
    )


def _notify(notifications: Notifications) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["sns:Publish"], resources=[notifications.topic.topic_arn])


def _update_packages(endpoints: Endpoints) -> iam.PolicyStatement:
    """Decide on a version in the registry, or add what is learned of it."""
    actions = ("DescribeModelPackage", "UpdateModelPackage")
    return sagemaker(*actions, on=(f"model-package/{endpoints.packages.ref}/*",))


def _read_jobs() -> tuple[iam.PolicyStatement, ...]:
    return (
        list_training_jobs(),
        sagemaker_of_runs("DescribeTrainingJob", on=(TRAINING_JOBS,)),
    )


def _read_executions() -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["states:GetExecutionHistory"],
        resources=[arn("states", f"execution:{_STATES_NAME}:*")],
    )
