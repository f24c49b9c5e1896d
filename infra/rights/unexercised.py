"""Statements of the template that no run in the embedded cloud can need, each with the reason.

`make iam` lists every statement that neither a recorded call nor a reason here speaks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Unexercised:
    """A reason for all statements whose every action is one of these.

    `sources` are patterns of the logical ids of policies; of resource policies, of the resource
    that they stand in the template as.
    """

    actions: tuple[str, ...]
    reason: str
    sources: tuple[str, ...] = ("*",)
    effect: str = "Allow"

    def covers(self, source: str, effect: str, actions: Iterable[str]) -> bool:
        """Whether the reason is about a statement."""
        return (
            effect == self.effect
            and any(fnmatchcase(source, pattern) for pattern in self.sources)
            and set(actions) <= set(self.actions)
        )


UNEXERCISED = (
    Unexercised(
        ("s3:*", "sns:Publish", "sqs:*"),
        "Denies plain HTTP. Traffic on this machine stands for TLS.",
        effect="Deny",
    ),
    Unexercised(
        (
            "bedrock:CreateModelInvocationJob",
            "bedrock:GetModelInvocationJob",
            "bedrock:InvokeModel",
            "bedrock:StopModelInvocationJob",
            "iam:PassRole",
        ),
        "For teachers on Bedrock; there is no Bedrock on this machine.",
        sources=("TrainingJobs*",),
    ),
    Unexercised(
        (
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKey",
            "s3:AbortMultipartUpload",
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:ListBucket",
            "s3:PutObject",
            "sts:AssumeRole",
        ),
        "Bedrock's role for a teacher's batch; there is no Bedrock on this machine.",
        sources=("TrainingJobsBatchRole*",),
    ),
    Unexercised(
        ("sns:Publish",),
        "CloudWatch tells people of alarms; those of the template do not fire on this machine.",
        sources=("NotificationsTopicPolicy*",),
    ),
    Unexercised(
        ("kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
        "CloudWatch Logs encrypts log groups with the key; here logs are plain files.",
        sources=("StorageKey*",),
    ),
    Unexercised(
        (
            "cloudformation:DescribeStacks",
            "dynamodb:GetItem",
            "dynamodb:Scan",
            "kms:Decrypt",
            "states:SendTaskFailure",
            "states:SendTaskSuccess",
        ),
        "For people who approve runs: whoever uses this machine is the account's administrator.",
        sources=("Approvers*",),
    ),
)


def reason_for(source: str, effect: str, actions: Iterable[str]) -> str | None:
    """Why no call here can need a statement; None if nobody has said so."""
    listed = tuple(actions)
    for one in UNEXERCISED:
        if one.covers(source, effect, listed):
            return one.reason
    return None
