"""What the state machine may do, next to why."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from infra.parts.functions import Functions
from infra.parts.hosting import Batches, Endpoints
from infra.parts.training import TrainingJobs
from infra.permissions import (
    CHILD_EXECUTIONS,
    COMPONENTS,
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    EXECUTIONS,
    MODELS,
    PACKAGE_GROUP,
    PACKAGES,
    RUN_ROLES,
    STATE_MACHINE,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
    arn,
    create_in_sagemaker,
    pass_role,
    sagemaker,
    sagemaker_of_runs,
    scale_endpoints,
    trace,
    use_alarms,
    use_tracking_alarms,
)
from infra.rights.shared_rights import deliver_logs
from stratos.contracts.bucket import RUNS_PREFIX


def grant_workflow(
    role: iam.Role,
    *,
    functions: Functions,
    training_jobs: TrainingJobs,
    endpoints: Endpoints,
    batches: Batches,
    bucket: s3.IBucket,
    key: kms.IKey,
) -> None:
    """Let the state machine call what its states call."""
    for statement in (
        _invoke(functions),
        *_run_jobs(),
        *_run_shards(bucket, key),
        *_host_models(),
        *_watch_updates(),
        _register_models(),
        pass_role(arn("iam", RUN_ROLES, region=""), "sagemaker.amazonaws.com"),
        # Of executions that began when all runs shared these.
        pass_role(training_jobs.role, "sagemaker.amazonaws.com"),
        pass_role(endpoints.role, "sagemaker.amazonaws.com"),
        pass_role(endpoints.queue_role, "sagemaker.amazonaws.com"),
        pass_role(batches.role, "sagemaker.amazonaws.com"),
        _learn_that_jobs_ended(),
        deliver_logs(),
        trace(),
    ):
        role.add_to_policy(statement)


def _invoke(functions: Functions) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["lambda:InvokeFunction"],
        resources=[
            item.function_arn
            for module, item in functions.by_module.items()
            if module not in ("sweep", "tell_webhooks")  # which are no states
        ],
    )


def _run_jobs() -> tuple[iam.PolicyStatement, ...]:
    return (
        create_in_sagemaker("CreateTrainingJob", on=(TRAINING_JOBS,)),
        sagemaker_of_runs("DescribeTrainingJob", "StopTrainingJob", on=(TRAINING_JOBS,)),
        create_in_sagemaker("CreateTransformJob", on=(TRANSFORM_JOBS,)),
        sagemaker_of_runs("DescribeTransformJob", "StopTransformJob", on=(TRANSFORM_JOBS,)),
    )


def _run_shards(bucket: s3.IBucket, key: kms.IKey) -> tuple[iam.PolicyStatement, ...]:
    """A Distributed Map reads its items, and runs each as an execution of the same machine.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """
    return (
        iam.PolicyStatement(
            actions=["states:StartExecution"], resources=[arn("states", STATE_MACHINE)]
        ),
        iam.PolicyStatement(
            actions=["states:DescribeExecution", "states:StopExecution"],
            # A child is named after its Map, too: execution:<machine>/<label>:<id>.
            resources=[arn("states", EXECUTIONS), arn("states", CHILD_EXECUTIONS)],
        ),
        iam.PolicyStatement(
            actions=["s3:GetObject"],
            resources=[bucket.arn_for_objects(f"{RUNS_PREFIX}*/jobs/*/shards-*.json")],
        ),
        iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]),
    )


def _host_models() -> tuple[iam.PolicyStatement, ...]:
    return (
        create_in_sagemaker(
            "CreateModel",
            "CreateEndpointConfig",
            "CreateEndpoint",
            on=(MODELS, ENDPOINT_CONFIGS, ENDPOINTS),
        ),
        create_in_sagemaker("CreateInferenceComponent", on=(COMPONENTS, ENDPOINTS, MODELS)),
        sagemaker("UpdateInferenceComponent", on=(COMPONENTS,)),
        # Step Functions looks at the tags of what it creates in SageMaker:
        # https://docs.aws.amazon.com/step-functions/latest/dg/sagemaker-iam.html
        sagemaker(
            "ListTags",
            on=(TRAINING_JOBS, TRANSFORM_JOBS, MODELS, ENDPOINT_CONFIGS, ENDPOINTS, COMPONENTS),
        ),
        sagemaker("DescribeEndpoint", "UpdateEndpoint", on=(ENDPOINTS,)),
        sagemaker("UpdateEndpoint", on=(ENDPOINT_CONFIGS,)),
    )


def _watch_updates() -> tuple[iam.PolicyStatement, ...]:
    """Alarms on a fleet while it is updated, and no scaling of it."""
    return (
        use_alarms("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"),
        scale_endpoints("DeregisterScalableTarget"),
        use_tracking_alarms("DescribeAlarms", "DeleteAlarms"),
    )


def _register_models() -> iam.PolicyStatement:
    return sagemaker("CreateModelPackage", on=(PACKAGE_GROUP, PACKAGES))


def _learn_that_jobs_ended() -> iam.PolicyStatement:
    """Step Functions puts rules of its own into this account for it."""
    return iam.PolicyStatement(
        actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
        resources=[
            arn("events", f"rule/StepFunctionsGetEventsForSageMaker{kind}JobsRule")
            for kind in ("Training", "Transform")
        ],
    )
