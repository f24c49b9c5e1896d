"""Step Functions, Lambda, Application Auto Scaling and CloudFormation.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.iam.models import iam_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import Requirement, Rule, needs

_SCALES_SAGEMAKER = "sagemaker.application-autoscaling.amazonaws.com"
_LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
_SCALED = {
    "endpoint": ("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"),
    "inference-component": (
        "sagemaker:DescribeInferenceComponent",
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
    ),
}
"""What a caller must be allowed who registers a target, by the kind of what scales."""


def _token_machine(request: ApiRequest) -> str:
    """The state machine that waits for a token: the resource by which AWS judges its answer.

    The reference lists none, but policies on the machine's ARN are what AWS asks for
    (aws/aws-cdk PR 8486).
    """
    token = request.get("taskToken")
    backend = stepfunctions_parser_backends[request.account][request.region]
    for machine in list(backend.state_machines):
        for execution in list(machine.executions):
            worker = execution.exec_worker
            pool = worker and worker.env and worker.env.callback_pool_manager
            if pool and pool.get(token) is not None:
                return str(execution.state_machine_arn)
    return request.arn("states", "stateMachine:*")


def _function_arn(request: ApiRequest) -> str:
    name = request.get("FunctionName")
    arn = name if name.startswith("arn:") else request.arn("lambda", f"function:{name}")
    qualifier = request.get("Qualifier")
    return f"{arn}:{qualifier}" if qualifier and qualifier != "$LATEST" else arn


def _target_arn(request: ApiRequest) -> str:
    """A scalable target has an id of its own, which nothing here knows before it is made."""
    backend = applicationautoscaling_backends[request.account][request.region]
    targets = backend.targets.get(request.get("ScalableDimension"), {})
    target = targets.get(request.get("ResourceId"))
    arn = getattr(target, "arn", None)
    return str(arn) if arn else request.arn("application-autoscaling", "scalable-target/*")


def _register(request: ApiRequest) -> Iterator[Requirement]:
    yield Requirement("application-autoscaling:RegisterScalableTarget", _target_arn(request))
    kind, _, name = request.get("ResourceId").partition("/")
    resource = request.arn("sagemaker", f"{kind}/{name.partition('/variant/')[0]}")
    for action in _SCALED.get(kind, ()):
        yield Requirement(action, resource)
    roles = list(iam_backends[request.account]["aws"].roles.values())
    if not any(role.name == _LINKED_ROLE for role in roles):
        path = f"aws-service-role/{_SCALES_SAGEMAKER}/{_LINKED_ROLE}"
        arn = f"arn:aws:iam::{request.account}:role/{path}"
        context = {"iam:AWSServiceName": (_SCALES_SAGEMAKER,)}
        yield Requirement("iam:CreateServiceLinkedRole", arn, context)


def _tracking_alarms(request: ApiRequest) -> str:
    return request.arn("cloudwatch", f"alarm:TargetTracking-{request.get('ResourceId')}-*")


def _put_policy(request: ApiRequest) -> Iterator[Requirement]:
    yield Requirement("application-autoscaling:PutScalingPolicy", _target_arn(request))
    if request.get("PolicyType") == "TargetTrackingScaling":
        for action in ("PutMetricAlarm", "DescribeAlarms"):
            yield Requirement(f"cloudwatch:{action}", _tracking_alarms(request))


def _deregister(request: ApiRequest) -> Iterator[Requirement]:
    yield Requirement("application-autoscaling:DeregisterScalableTarget", _target_arn(request))
    backend = applicationautoscaling_backends[request.account][request.region]
    tracked = any(
        policy.resource_id == request.get("ResourceId")
        and policy.policy_type == "TargetTrackingScaling"
        for policy in list(backend.policies.values())
    )
    if tracked:
        for action in ("DescribeAlarms", "DeleteAlarms"):
            yield Requirement(f"cloudwatch:{action}", _tracking_alarms(request))


def _stack_arn(request: ApiRequest) -> str:
    name = request.get("StackName")
    return name if name.startswith("arn:") else request.arn("cloudformation", f"stack/{name}/*")


RULES: Mapping[str, Mapping[str, Rule]] = {
    "stepfunctions": {
        "StartExecution": needs("states:StartExecution", lambda r: r.get("stateMachineArn")),
        "ListExecutions": needs("states:ListExecutions", lambda r: r.get("stateMachineArn")),
        "DescribeExecution": needs("states:DescribeExecution", lambda r: r.get("executionArn")),
        "StopExecution": needs("states:StopExecution", lambda r: r.get("executionArn")),
        "GetExecutionHistory": needs("states:GetExecutionHistory", lambda r: r.get("executionArn")),
        "SendTaskSuccess": needs("states:SendTaskSuccess", _token_machine),
        "SendTaskFailure": needs("states:SendTaskFailure", _token_machine),
        "SendTaskHeartbeat": needs("states:SendTaskHeartbeat", _token_machine),
    },
    "lambda": {
        "Invoke": needs("lambda:InvokeFunction", _function_arn),
        "GetFunction": needs("lambda:GetFunction", _function_arn),
    },
    "application-autoscaling": {
        "RegisterScalableTarget": _register,
        "PutScalingPolicy": _put_policy,
        "DeregisterScalableTarget": _deregister,
        "DescribeScalableTargets": needs("application-autoscaling:DescribeScalableTargets"),
        "DescribeScalingPolicies": needs("application-autoscaling:DescribeScalingPolicies"),
    },
    "cloudformation": {"DescribeStacks": needs("cloudformation:DescribeStacks", _stack_arn)},
}
