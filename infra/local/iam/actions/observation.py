"""CloudWatch, its logs, and X-Ray.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import Requirement, Rule, needs

LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
"""What it takes to write to a log group that is there."""


def log_stream_arn(region: str, account: str, group: str, stream: str = "") -> str:
    """A stream's ARN; calls on a whole group are judged on that of no stream."""
    return f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"


def _group(request: ApiRequest) -> str:
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    if name.startswith("arn:"):
        name = name.split(":log-group:")[1].removesuffix(":*")
    return log_stream_arn(request.region, request.account, name, request.get("logStreamName"))


def _alarms(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        for name in request.parameters.get("AlarmNames") or ["*"]:
            yield Requirement(f"cloudwatch:{action}", request.arn("cloudwatch", f"alarm:{name}"))

    return rule


def _put_alarm(request: ApiRequest) -> Iterator[Requirement]:
    arn = request.arn("cloudwatch", f"alarm:{request.get('AlarmName')}")
    actions = request.parameters.get("AlarmActions") or []
    context = {"cloudwatch:AlarmActions": tuple(map(str, actions))} if actions else {}
    yield Requirement("cloudwatch:PutMetricAlarm", arn, context)


def _put_data(request: ApiRequest) -> Iterator[Requirement]:
    context = {"cloudwatch:namespace": (request.get("Namespace"),)}
    yield Requirement("cloudwatch:PutMetricData", "*", context)


_ON_GROUPS = (
    "CreateLogGroup",
    "CreateLogStream",
    "DeleteLogStream",
    "DescribeLogStreams",
    "FilterLogEvents",
    "GetLogEvents",
    "PutLogEvents",
)
RULES: Mapping[str, Mapping[str, Rule]] = {
    "cloudwatch": {
        "DeleteAlarms": _alarms("DeleteAlarms"),
        "DescribeAlarms": _alarms("DescribeAlarms"),
        "PutMetricAlarm": _put_alarm,
        "PutMetricData": _put_data,
        "GetMetricData": needs("cloudwatch:GetMetricData"),
        "GetMetricStatistics": needs("cloudwatch:GetMetricStatistics"),
    },
    "logs": {
        **{operation: needs(f"logs:{operation}", _group) for operation in _ON_GROUPS},
        "DescribeLogGroups": needs("logs:DescribeLogGroups"),
    },
    "xray": {
        "PutTelemetryRecords": needs("xray:PutTelemetryRecords"),
        "PutTraceSegments": needs("xray:PutTraceSegments"),
    },
}
