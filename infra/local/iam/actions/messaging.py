"""SNS, SQS, EventBridge and its Scheduler.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.encryption import DATA_KEY, DECRYPT, uses_key
from infra.local.iam.requirement import Requirement, Rule, needs, pass_role


def _publish(request: ApiRequest) -> Iterator[Requirement]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    arn = request.get("TopicArn") or request.get("TargetArn")
    yield Requirement("sns:Publish", arn)
    topic = sns_backends[request.account][request.region].topics.get(arn)
    key = None if topic is None else topic.kms_master_key_id
    yield from uses_key(request.account, request.region, key, "sns", DATA_KEY, DECRYPT)


def _queue_arn(request: ApiRequest) -> str:
    name = request.get("QueueUrl").rpartition("/")[2] or request.get("QueueName")
    return request.arn("sqs", name)


def _queue(request: ApiRequest) -> Any:
    name = _queue_arn(request).rpartition(":")[2]
    return sqs_backends[request.account][request.region].queues.get(name)


def _on_messages(action: str, *key_actions: str) -> Rule:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""

    def rule(request: ApiRequest) -> Iterator[Requirement]:
        yield Requirement(f"sqs:{action}", _queue_arn(request))
        key = getattr(_queue(request), "kms_master_key_id", None)
        yield from uses_key(request.account, request.region, key, "sqs", *key_actions)

    return rule


def _put_events(request: ApiRequest) -> Iterator[Requirement]:
    for entry in request.parameters.get("Entries") or []:
        bus = str(entry.get("EventBusName") or "default")
        arn = bus if bus.startswith("arn:") else request.arn("events", f"event-bus/{bus}")
        context = {
            "events:source": (str(entry.get("Source", "")),),
            "events:detail-type": (str(entry.get("DetailType", "")),),
        }
        yield Requirement("events:PutEvents", arn, context)


def _rule_arn(request: ApiRequest) -> str:
    bus = request.get("EventBusName").rpartition("/")[2]
    name = request.get("Name") or request.get("Rule")
    return request.arn("events", f"rule/{name}" if bus in ("", "default") else f"rule/{bus}/{name}")


def _put_targets(request: ApiRequest) -> Iterator[Requirement]:
    yield Requirement("events:PutTargets", _rule_arn(request))
    for target in request.parameters.get("Targets") or []:
        yield from pass_role(str(target.get("RoleArn") or ""), "events.amazonaws.com")


def _schedule_arn(request: ApiRequest) -> str:
    group = request.get("GroupName") or request.get("groupName") or "default"
    return request.arn("scheduler", f"schedule/{group}/{request.get('Name')}")


def _sets_schedule(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        yield Requirement(f"scheduler:{action}", _schedule_arn(request))
        role = str((request.parameters.get("Target") or {}).get("RoleArn") or "")
        yield from pass_role(role, "scheduler.amazonaws.com")

    return rule


RULES: Mapping[str, Mapping[str, Rule]] = {
    "sns": {
        "Publish": _publish,
        "GetTopicAttributes": needs("sns:GetTopicAttributes", lambda r: r.get("TopicArn")),
    },
    "sqs": {
        "SendMessage": _on_messages("SendMessage", DATA_KEY, DECRYPT),
        "ReceiveMessage": _on_messages("ReceiveMessage", DECRYPT),
        "DeleteMessage": _on_messages("DeleteMessage"),
        "ChangeMessageVisibility": _on_messages("ChangeMessageVisibility"),
        "GetQueueAttributes": needs("sqs:GetQueueAttributes", _queue_arn),
        "GetQueueUrl": needs("sqs:GetQueueUrl", _queue_arn),
    },
    "events": {
        "DescribeRule": needs("events:DescribeRule", _rule_arn),
        "PutEvents": _put_events,
        "PutRule": needs("events:PutRule", _rule_arn),
        "PutTargets": _put_targets,
    },
    "scheduler": {
        "CreateSchedule": _sets_schedule("CreateSchedule"),
        "UpdateSchedule": _sets_schedule("UpdateSchedule"),
        "GetSchedule": needs("scheduler:GetSchedule", _schedule_arn),
        "DeleteSchedule": needs("scheduler:DeleteSchedule", _schedule_arn),
        "ListSchedules": needs("scheduler:ListSchedules"),
    },
}
