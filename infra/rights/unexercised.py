"""Actions of the template that no run of the tests in the embedded cloud can use, and why.

`make iam` lists every action of a statement that neither a recorded call nor a reason here speaks
for, and fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Unexercised:
    """A reason for actions, by patterns of their names.

    `sources` are patterns of the logical ids of policies; of resource policies, of the resource
    that they stand in the template as.
    """

    actions: tuple[str, ...]
    reason: str
    sources: tuple[str, ...] = ("*",)
    effect: str = "Allow"

    def covers(self, source: str, effect: str, action: str) -> bool:
        """Whether the reason is about an action of a statement."""
        return (
            effect == self.effect
            and any(fnmatchcase(source, pattern) for pattern in self.sources)
            and any(fnmatchcase(action, pattern) for pattern in self.actions)
        )


_FAILURES = (
    "For runs that fail, are cut short or meet what another run left. tests/unit/lambdas has them, "
    "in moto's memory, where nothing is judged."
)
_CONTAINERS = ("RunRoles*",)
_BEFORE = ("TrainingJobs*", "Endpoints*", "Batches*")
"""Roles that all runs shared."""

UNEXERCISED = (
    Unexercised(
        ("s3:*", "sns:Publish", "sqs:*"),
        "Denies plain HTTP. Traffic on this machine stands for TLS.",
        effect="Deny",
    ),
    Unexercised(
        ("*",),
        "For runs that began, and models that were served, before each run had roles of its own.",
        sources=_BEFORE,
    ),
    Unexercised(
        ("bedrock:*", "iam:PassRole"),
        "For teachers on Bedrock; there is no Bedrock on this machine.",
        sources=("RunRolesJobs*",),
    ),
    Unexercised(
        ("sagemaker:CallMlflowAppApi", "sagemaker-mlflow:*"),
        "For SageMaker's managed MLflow; there is none on this machine.",
        sources=("RunRolesJobs*",),
    ),
    Unexercised(
        ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
        "Keys of other providers and tokens of the Hub; the tests reach neither.",
        sources=("RunRolesJobs*",),
    ),
    Unexercised(
        ("ec2:*",),
        "SageMaker joins containers to the subnets of a VPC; this machine has none.",
        sources=("NetworkRights*", "RunRoles*"),
    ),
    Unexercised(
        ("cloudwatch:PutMetricData", "logs:DescribeLogStreams"),
        "SageMaker's agent sends metrics of instances and looks for its stream; here is no agent.",
        sources=_CONTAINERS,
    ),
    Unexercised(
        ("xray:*",),
        "Functions send traces to X-Ray; nothing on this machine takes them.",
        sources=("Functions*",),
    ),
    Unexercised(
        ("sagemaker:ListTags",),
        "Step Functions looks at tags of what it creates by its own means, as AWS documents.",
        sources=("WorkflowRole*",),
    ),
    Unexercised(
        ("sns:Publish",),
        "CloudWatch tells people of alarms; those of the template do not fire on this machine.",
        sources=("NotificationsTopicPolicy*",),
    ),
    Unexercised(
        ("sqs:SendMessage",),
        "What failed every time is kept; rules and CleanUp reach their targets in the tests.",
        sources=("NotificationsDeadLettersPolicy*", "FunctionsCleanUp*", "FunctionsTellWebhooks*"),
    ),
    Unexercised(
        ("kms:*",),
        "CloudWatch Logs encrypts log groups with the key; here logs are plain files.",
        sources=("StorageKey*",),
    ),
    Unexercised(
        ("*",),
        "For people who approve runs: whoever uses this machine is the account's administrator.",
        sources=("Approvers*",),
    ),
    Unexercised(
        ("kms:DescribeKey",),
        "A service may look at the key before it uses it; moto's services do not.",
        sources=("Functions*", *_CONTAINERS),
    ),
    Unexercised(
        ("s3:AbortMultipartUpload",),
        "Ends an upload in parts that failed; none fails on this machine.",
        sources=("Functions*", *_CONTAINERS),
    ),
    Unexercised(
        ("s3:GetObjectVersion",),
        "Goes with reading; in the tests ParseConstraints alone asks for a version.",
        sources=("Functions*", *_CONTAINERS),
    ),
    Unexercised(
        ("s3:ListBucket",),
        "S3 asks for it where a key is missing; these miss none in the tests.",
        sources=(
            "FunctionsClaimRun*",
            "FunctionsPromote*",
            "FunctionsSweep*",
            "RunRolesModels*",
        ),
    ),
    Unexercised(
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "Goes with the stack's key; these read no object, or write none, in the tests.",
        sources=(
            "FunctionsAwaitComponent*",
            "FunctionsAwaitPlace*",
            "FunctionsClaimRun*",
            "FunctionsDiagnoseJob*",
            "FunctionsPromote*",
            "FunctionsSweep*",
            "FunctionsTellWebhooks*",
        ),
    ),
    Unexercised(
        ("secretsmanager:DescribeSecret",),
        "Looks up the hosts of a spec's secrets; no run of the tests names a secret.",
        sources=("FunctionsParseConstraints*",),
    ),
    Unexercised(
        ("iam:DeleteRole", "iam:DetachRolePolicy", "iam:ListAttachedRolePolicies"),
        "Deletes roles that runs have left; those of the tests delete their own.",
        sources=("FunctionsSweep*",),
    ),
    Unexercised(
        ("lambda:InvokeFunction",),
        "SNS tells webhooks through it; no run of the tests has one.",
        sources=("FunctionsTellWebhooksTopic*",),
    ),
    Unexercised(
        ("sagemaker:InvokeEndpointAsync",),
        "For endpoints behind a queue; runs of `make matrix` have one, those of the tests none.",
        sources=("FunctionsMeasureEndpoint*",),
    ),
    Unexercised(
        (
            "application-autoscaling:DeregisterScalableTarget",
            "cloudwatch:*",
            "lambda:InvokeFunction",
            "sagemaker:DeleteEndpoint",
        ),
        "Ends an endpoint when its time is over, which no test waits for: they call its target.",
        sources=("SchedulesRole*",),
    ),
    Unexercised(("cloudwatch:DescribeAlarms", "sagemaker:Stop*"), _FAILURES, ("WorkflowRole*",)),
    Unexercised(("dynamodb:GetItem",), _FAILURES, ("FunctionsInspect*", "FunctionsMatch*")),
    Unexercised(
        ("sagemaker:DescribeInferenceComponent",),
        _FAILURES,
        ("FunctionsPlanCandidates*", "FunctionsMatchModels*"),
    ),
    Unexercised(
        ("s3:PutObject", "sagemaker:*TrainingJob*", "sagemaker:DescribeEndpointConfig"),
        _FAILURES,
        ("FunctionsDiagnoseJob*", "FunctionsCheckQuality*"),
    ),
    Unexercised(
        ("sagemaker:DescribeModelPackage",),
        _FAILURES,
        ("FunctionsRecordApproval*", "FunctionsPromote*"),
    ),
    Unexercised(
        (
            "application-autoscaling:DeregisterScalableTarget",
            "cloudwatch:*",
            "logs:FilterLogEvents",
            "sagemaker:DeleteEndpoint",
        ),
        _FAILURES,
        ("FunctionsTakeTurn*", "FunctionsMeasureEndpoint*"),
    ),
    Unexercised(
        ("sagemaker:UpdateInferenceComponentRuntimeConfig",),
        _FAILURES,
        ("FunctionsAwaitComponent*",),
    ),
    Unexercised(
        ("sagemaker:*TrainingJob*", "sagemaker:StopTransformJob", "states:GetExecutionHistory"),
        _FAILURES,
        ("FunctionsMeasureBatch*",),
    ),
    Unexercised(
        (
            "dynamodb:GetItem",
            "sagemaker:DescribeEndpointConfig",
            "sagemaker:UpdateEndpointWeightsAndCapacities",
            "scheduler:UpdateSchedule",
        ),
        _FAILURES,
        ("FunctionsPromote*",),
    ),
    Unexercised(
        ("s3:PutObject",),
        "For a model that other regions have served and home alone serves again. "
        "tests/unit/lambdas has that, in moto's memory, where nothing is judged.",
        ("FunctionsPromoteRole*",),
    ),
    Unexercised(("sagemaker:DescribeTransformJob",), _FAILURES, ("FunctionsReport*",)),
    Unexercised(
        (
            "application-autoscaling:*",
            "cloudwatch:*",
            "iam:*",
            "sagemaker:AddTags",
            "sagemaker:CreateEndpoint",
            "sagemaker:*InferenceComponent*",
            "sagemaker:DescribeEndpointConfig",
            "sagemaker:Stop*",
            "sagemaker:UpdateEndpoint*",
            "scheduler:*",
            "states:SendTaskSuccess",
        ),
        _FAILURES,
        ("FunctionsCleanUp*",),
    ),
    Unexercised(
        (
            "lambda:InvokeFunction",
            "sagemaker:Stop*",
            "states:DescribeExecution",
            "states:SendTaskSuccess",
        ),
        _FAILURES,
        ("FunctionsSweep*",),
    ),
)


def reason_for(source: str, effect: str, action: str) -> str | None:
    """Why no call here can use an action; None if nobody has said so."""
    for one in UNEXERCISED:
        if one.covers(source, effect, action):
            return one.reason
    return None
