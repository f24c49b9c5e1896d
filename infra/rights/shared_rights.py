"""What several functions may do, each set named by what it is for."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from infra.permissions import (
    COMPONENTS,
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    EXECUTIONS,
    MODELS,
    PACKAGES,
    PREFIX,
    RUN_ROLES,
    STACK_NAME,
    TRAINING_JOBS,
    arn,
    list_training_jobs,
    read_container_logs,
    sagemaker,
    sagemaker_of_runs,
    scale_endpoints,
    scale_with_service_role,
    use_alarms,
    use_tracking_alarms,
)
from stratos.hosting.ownership import ROLE_RUN_TAG, STACK_TAG

Statements = tuple[iam.PolicyStatement, ...]


def use_schedules(*actions: str) -> iam.PolicyStatement:
    """Scheduler actions such as `DeleteSchedule` on reruns and on the ends of endpoints."""
    return iam.PolicyStatement(
        actions=[f"scheduler:{action}" for action in actions],
        resources=[arn("scheduler", f"schedule/{PREFIX}/*")],
    )


def scale() -> Statements:
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


def delete_failed_endpoint() -> Statements:
    """Make room for an endpoint: SageMaker lets one that has failed only be deleted."""
    return (
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        sagemaker_of_runs("DeleteEndpoint", on=(ENDPOINTS,)),
    )


def measure_and_scale() -> Statements:
    """Ask an endpoint, read why it fails, and let it follow its traffic."""
    return (
        sagemaker("InvokeEndpoint", on=(ENDPOINTS,)),
        read_container_logs(),
        *scale(),
    )


def end_endpoints(*, regions: tuple[str, ...] = (Aws.REGION,)) -> Statements:
    """Delete an endpoint, what it is made of, and what scales it."""
    return (
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,), regions=regions),
        sagemaker_of_runs("DeleteEndpoint", on=(ENDPOINTS,), regions=regions),
        sagemaker_of_runs(
            "DeleteModel",
            "DeleteEndpointConfig",
            on=(MODELS, ENDPOINT_CONFIGS),
            regions=regions,
        ),
        scale_endpoints("DeregisterScalableTarget", regions=regions),
        use_alarms("DescribeAlarms", "DeleteAlarms", regions=regions),
        use_tracking_alarms("DescribeAlarms", "DeleteAlarms", regions=regions),
    )


def look_at_endpoint() -> Statements:
    """What is in service under a spec's name: its kind, its instances, its component."""
    return (
        sagemaker("DescribeEndpoint", on=(ENDPOINTS,)),
        sagemaker("DescribeInferenceComponent", on=(COMPONENTS,)),
        sagemaker_of_runs("DescribeEndpointConfig", on=(ENDPOINT_CONFIGS,)),
    )


def make_run_roles(policies: Iterable[iam.IManagedPolicy]) -> Statements:
    """Make roles that carry a run's tags, and give them policies of the template alone."""
    return (
        iam.PolicyStatement(
            actions=["iam:CreateRole", "iam:TagRole"],
            resources=[arn("iam", RUN_ROLES, region="")],
            conditions={
                "Null": {f"aws:RequestTag/{ROLE_RUN_TAG}": "false"},
                "StringEquals": {f"aws:RequestTag/{STACK_TAG}": STACK_NAME},
            },
        ),
        iam.PolicyStatement(
            actions=["iam:AttachRolePolicy"],
            resources=[arn("iam", RUN_ROLES, region="")],
            conditions={
                "ArnEquals": {"iam:PolicyARN": [one.managed_policy_arn for one in policies]}
            },
        ),
    )


def delete_run_roles() -> iam.PolicyStatement:
    """Delete the roles of a run that is over."""
    return iam.PolicyStatement(
        actions=["iam:ListAttachedRolePolicies", "iam:DetachRolePolicy", "iam:DeleteRole"],
        resources=[arn("iam", RUN_ROLES, region="")],
    )


def update_packages() -> iam.PolicyStatement:
    """Decide on a version in the registry, or add what is learned of it."""
    actions = ("DescribeModelPackage", "UpdateModelPackage")
    return sagemaker(*actions, on=(PACKAGES,))


def read_jobs() -> Statements:
    return (
        list_training_jobs(),
        sagemaker_of_runs("DescribeTrainingJob", on=(TRAINING_JOBS,)),
    )


def read_executions() -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["states:GetExecutionHistory"],
        resources=[arn("states", EXECUTIONS)],
    )


def deliver_logs() -> iam.PolicyStatement:
    """What Step Functions needs to write its log."""
    return iam.PolicyStatement(
        actions=[
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        resources=["*"],
    )
